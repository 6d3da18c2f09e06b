"""Programs of others, each run by a Python that has what it imports."""
