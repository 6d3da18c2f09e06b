"""One figure of a benchmark."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """``ratio`` = ``value`` / ``baseline``, both of one run; ``ok`` says if the target is met."""

    case: str
    metric: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    target: float | None = None
    ok: bool | None = None

    @classmethod
    def at_most(cls, case: str, metric: str, value: float, unit: str, target: float) -> Result:
        """A result that is good when it does not exceed ``target``."""
        return cls(case, metric, value, unit, target=target, ok=value <= target)

    def as_json(self) -> dict[str, Any]:
        """The result without what does not apply to it."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def p95(values: Sequence[float]) -> float:
    """The 95th percentile, interpolated; the only value of a single one."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=20, method="inclusive")[-1]
