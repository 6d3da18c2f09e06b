"""Logging in by an OpenID Connect server; an app that is installed only when one is set."""
