"""Starts the whole stack, keeps it running and leaves nothing behind."""
