"""What nodes ask of connections to HTTP services: pages of JSON, each with a list of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.transfer import Extraction


@dataclass(frozen=True, slots=True)
class ResponseField:
    """A column: ``path`` leads into a row by dots; ``type`` empty = as the first page has it."""

    path: str
    name: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Paging:
    """How the next page is asked for; which settings count depends on ``style``."""

    style: str = "none"  # none | page | offset | cursor | link
    #: The query parameter that is set to the page, the offset or the cursor.
    parameter: str = ""
    #: Number of the first page, or the first offset.
    first: int = 1
    #: The query parameter that asks for ``size`` rows per page.
    size_parameter: str = ""
    size: int = 0
    #: Where an answer says what comes next: a JMESPath.
    next_path: str = ""
    max_pages: int = 1000


@dataclass(frozen=True, slots=True)
class RestExtraction(Extraction):
    """``table`` is a path below the connection's base URL."""

    query: Mapping[str, str] = field(default_factory=dict)
    #: JMESPath to the list of rows; empty = the whole answer.
    rows: str = ""
    fields: tuple[ResponseField, ...] = ()
    paging: Paging = field(default_factory=Paging)
    #: 0 = as fast as it goes.
    requests_per_second: float = 0

    @property
    def path(self) -> str:
        return self.table.table if self.table else ""
