"""Rows that go from a table to a table of one database, and never leave it.

Only what is on the allow-list of ``terms`` is said in PostgreSQL's words; anything else, and
whatever fails, takes the way through DuckDB, which then says what is wrong and where.
"""
