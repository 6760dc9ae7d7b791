"""What collectors of HTTP servers share: addresses without their credentials, and how a request says who asks."""
