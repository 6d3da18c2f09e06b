"""Charts as values: what a canvas draws, and the same figures as a table for who cannot see it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from workers.pages.badges import Tone
from workers.pages.formats import NOTHING


@dataclass(frozen=True, slots=True)
class Series:
    """One value per moment of its chart; None = not known then."""

    label: str
    tone: Tone
    values: tuple[float | None, ...]
    kind: Literal["bar", "line"] = "bar"


@dataclass(frozen=True, slots=True)
class Chart:
    """``step_minutes`` = what one value stands for; ``limit`` is drawn as a line."""

    title: str
    moments: tuple[datetime, ...]
    series: tuple[Series, ...]
    step_minutes: int
    unit: str = ""
    limit: float | None = None

    @property
    def data(self) -> str:
        """For ``flowadmin/charts.js``."""
        body = asdict(self) | {"moments": [at.isoformat() for at in self.moments]}
        return json.dumps(body)

    @property
    def is_empty(self) -> bool:
        return not any(value for one in self.series for value in one.values)

    @property
    def rows(self) -> Iterator[tuple[datetime, list[str]]]:
        """A line of the table per moment at which anything was."""
        for place, at in enumerate(self.moments):
            values = [one.values[place] for one in self.series]
            if any(values):
                yield at, [NOTHING if value is None else f"{value:g}" for value in values]
