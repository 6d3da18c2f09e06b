"""Some rows of each node, to show."""
