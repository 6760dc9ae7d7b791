"""What now: runbooks that match the findings, mitigations, severity, and all that people send."""
