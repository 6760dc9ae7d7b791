"""What collectors of HTTP servers share: addresses, credentials, bounded sessions, and what a refusal means."""
