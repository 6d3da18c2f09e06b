"""Columns of a workflow: their types, what becomes of them, what they are made of."""
