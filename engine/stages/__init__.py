"""Steps that run as one query: which, how, and whose fault it was."""
