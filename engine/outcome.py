"""What became of the nodes of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.errors import StepFailed
from engine.schema import Column


@dataclass(frozen=True, slots=True)
class NodeOutcome:
    """A node that ended well.

    ``rows_in`` is the sum over its inputs. A count is None when it is not known: a source
    has no input, a load that the ledger already held reads nothing, and a query that
    failed further down stops counting.
    """

    step: str
    rows_in: int | None
    rows_out: int | None
    #: Time of its own work; for a target, from the first row's request to the commit.
    seconds: float
    #: What its checks found that does not stop the run.
    warnings: tuple[str, ...] = ()
    #: It was not run: its rows, or those of what it feeds, are there from an earlier run.
    is_reused: bool = False
    #: The database of source and target did it, and no row left it; ``seconds`` is the load's.
    is_inside: bool = False
    #: Of a source, what it reads; of a target, the table it writes: as the run found them.
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a whole run ended: every node is in exactly one of the three."""

    nodes: Mapping[str, NodeOutcome] = field(default_factory=dict)
    #: In the order they happened; the first is the culprit of the run.
    failures: tuple[StepFailed, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.failures and not self.skipped

    def raise_failure(self) -> None:
        """Raise the first ``StepFailed``, if there is one."""
        if self.failures:
            raise self.failures[0]
