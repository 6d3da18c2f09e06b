"""Rows at a node of a workflow that does not run."""
