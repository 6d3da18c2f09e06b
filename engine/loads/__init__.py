"""Loads that happen once, and what one would do."""
