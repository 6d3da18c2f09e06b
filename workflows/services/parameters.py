"""Values for the parameters of a run, held to the types of their defaults."""

from __future__ import annotations

import json
from typing import Any


def misfit(name: str, value: Any, default: Any) -> str:
    """Why ``value`` cannot stand for ``default``, or nothing. NULL fits, and replaces, anything."""
    expected, given = _family(default), _family(value)
    if "null" in (expected, given) or expected == given:
        return ""
    return (
        f"parameter '{name}' is {json.dumps(value)}, a {given}; "
        f"expected a {expected}, as its default {json.dumps(default)} is one"
    )


def _family(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case None:
            return "null"
        case list():
            return "list"
    return "object"
