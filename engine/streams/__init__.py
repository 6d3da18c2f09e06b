"""Rows on their way between a driver and DuckDB."""
