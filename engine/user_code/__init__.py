"""Python of a user, in a process of its own."""
