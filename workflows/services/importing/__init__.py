"""Workflows that were written elsewhere."""
