"""``did you mean``: the nearest known name for one that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """A message for a name that is not known: the nearest one first, then what there is."""
    names = list(known)
    nearest = nearest_to(name, names)
    hint = f"; did you mean '{nearest}'?" if nearest else ""
    listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"unknown {what} '{name}'{hint} (known: {listed or 'none'})"


def nearest_to(name: str, known: Iterable[str]) -> str:
    """The known name closest to ``name`` whatever its case, or an empty string."""
    folded = {candidate.casefold(): candidate for candidate in known}
    matches = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else ""
