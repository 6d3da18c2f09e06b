"""A finding about a workflow: what is wrong, where, and what to do."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Severity(StrEnum):
    ERROR = "error"  # nothing is registered until it is mended
    WARNING = "warning"  # registered all the same; shown to the user


class Issue(BaseModel):
    """One finding, addressed to a field of a node.

    ``node`` and ``field`` are empty when the finding concerns the whole workflow.
    ``field`` is a dotted path into the node's config (``columns.2.expression``).
    """

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    severity: Severity = Severity.ERROR
    node: str = ""
    field: str = ""

    def at(self, node: str) -> Issue:
        """The same finding, addressed to ``node``."""
        return self.model_copy(update={"node": node})

    def __str__(self) -> str:
        where = " ".join(
            part
            for part in (
                f"node '{self.node}'" if self.node else "",
                f"field '{self.field}'" if self.field else "",
            )
            if part
        )
        return f"{self.code}: {where + ': ' if where else ''}{self.message}"
