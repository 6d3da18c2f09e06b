"""What a browser shows of its topics, and the message that brings it there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: Id of an element → (hash, content).
Parts = Mapping[str, tuple[str, str]]
#: Browsers that come back show something else each; most show what was there before.
_MESSAGES_KEPT = 64


@dataclass(slots=True)
class Shown:
    """The parts of some topics; one for all who may see the same.

    ``id`` names slots with the hashes of their contents, so that a browser that comes back with
    it is sent only what it has not.
    """

    parts: Parts
    id: str = field(init=False)
    _messages: dict[str, bytes] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.id = ",".join(f"{slot}={mark}" for slot, (mark, _) in self.parts.items())

    def message(self, known: str) -> bytes:
        """The event for a browser that shows ``known``, written once; empty if it lacks nothing."""
        message = self._messages.get(known)
        if message is None:
            message = self._write(known)
            if len(self._messages) < _MESSAGES_KEPT:
                self._messages[known] = message
        return message

    def _write(self, known: str) -> bytes:
        marks = dict(pair.split("=", 1) for pair in known.split(",") if "=" in pair)
        changed = {
            slot: content for slot, (mark, content) in self.parts.items() if marks.get(slot) != mark
        }
        return f"id: {self.id}\ndata: {json.dumps(changed)}\n\n".encode() if changed else b""


def shown(topics: Iterable[Parts]) -> Shown:
    return Shown({slot: part for parts in topics for slot, part in parts.items()})
