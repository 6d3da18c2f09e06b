"""What pydantic found wrong with settings, in words that repeat none of them."""

from __future__ import annotations

from pydantic import ValidationError


def findings(error: ValidationError) -> str:
    """Each field and what was expected of it; never the input, which may be a secret."""
    return "; ".join(
        f"'{'.'.join(map(str, found['loc']))}': {found['msg'][:1].lower()}{found['msg'][1:]}"
        for found in error.errors(include_input=False)
    )
