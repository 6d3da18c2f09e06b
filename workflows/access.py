"""One table of roles and permissions."""
