"""What nodes ask of connections to documents: a collection is a table of fields by their path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from engine.transfer import Extraction, Load

#: How many documents tell what fields there are, unless the node says otherwise.
SAMPLED = 1000


@dataclass(frozen=True, slots=True)
class DocumentField:
    """``path`` leads into nested documents by dots; ``type`` empty = as the sample has it."""

    path: str
    name: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class DocumentExtraction(Extraction):
    """``table`` is a collection. Without ``fields``: the outermost ones of a sample."""

    fields: tuple[DocumentField, ...] = ()
    #: Documents that are looked at: so many of the oldest and of the newest.
    sample: int = SAMPLED


@dataclass(frozen=True, slots=True)
class DocumentLoad(Load):
    """``table`` is a collection, and target columns are paths, dots leading inwards."""

    #: Path → what its text becomes: ``objectid`` or ``json``.
    stored_as: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, load: Load, stored_as: Mapping[str, str]) -> DocumentLoad:
        known: dict[str, Any] = {part.name: getattr(load, part.name) for part in fields(Load)}
        return cls(**known, stored_as=stored_as)


def value_at(value: Any, path: tuple[str, ...]) -> Any:
    """None where the path leads nowhere; through an array, the list of what is in its parts."""
    for place, part in enumerate(path):
        if isinstance(value, list):
            if part.isdigit():
                value = value[int(part)] if int(part) < len(value) else None
                continue
            return [value_at(item, path[place:]) for item in value]
        value = value.get(part) if isinstance(value, dict) else None
    return value


def path_refusal(path: str) -> str:
    """Why ``path`` cannot lead to a field, and what to do; empty = it can."""
    parts = path.split(".")
    if not all(parts):
        return f"path '{path}' has an empty part; write it like 'customer.address.city'"
    if any(part.startswith("$") for part in parts):
        return f"path '{path}' has a part that begins with '$', which no field may; rename it"
    if not path.isprintable():
        return f"path {path!r} holds a character that cannot be seen; retype it"
    return ""
