"""What becomes of a legacy node: a kind, its config, and the columns it lets through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Projected:
    """A column on its way out; ``rename`` is empty where it keeps its name."""

    name: str
    rename: str = ""

    @property
    def output(self) -> str:
        return self.rename or self.name

    def as_config(self) -> dict[str, str]:
        """Itself as an entry of a ``select`` node."""
        return {"name": self.name} | ({"rename": self.rename} if self.rename else {})


@dataclass(frozen=True, slots=True)
class Translated:
    kind: str
    config: dict[str, Any]
    #: Columns that leave the node, in order; None = all that its kind yields.
    projection: tuple[Projected, ...] | None = None
    #: Parent → input port, for kinds with several.
    ports: Mapping[str, str] = field(default_factory=dict)
    #: A source that reads for the node's children what the node has loaded.
    read_again: Translated | None = None

    def needs(self, parent: str) -> frozenset[str] | None:
        """Columns it names of ``parent``'s; None = whatever comes, so all of them."""
        if self.kind in ("database_target", "mongodb_target"):
            names = [column["column"] for column in self.config.get("columns", ())]
            return frozenset(names) or None
        if self.kind == "join":
            return self._join_needs(self.ports[parent])
        if self.kind == "aggregate":
            made = {column["column"] for column in self.config["aggregates"]} - {""}
            return frozenset(made | set(self.config["group_by"]))
        if self.kind == "select":
            return frozenset(column["name"] for column in self.config["columns"])
        if self.projection is None:
            return None
        return frozenset(column.name for column in self.projection)

    def _join_needs(self, side: str) -> frozenset[str] | None:
        if not self.config["columns"]:
            return None
        chosen = {c["name"] for c in self.config["columns"] if c["side"] == side}
        return frozenset(chosen | {condition[side] for condition in self.config["on"]})


def select(columns: tuple[Projected, ...]) -> Translated:
    """A ``select`` node of these columns."""
    return Translated("select", {"columns": [column.as_config() for column in columns]})
