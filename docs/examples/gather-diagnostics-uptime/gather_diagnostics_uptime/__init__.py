"""Black-box probes for gather_diagnostics: what the world outside saw of a service."""
