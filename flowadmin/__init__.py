"""Wiring: settings, urls, asgi, celery, supervisor, checks."""

__version__ = "0.1.0"
