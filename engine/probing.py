"""Asks the rows of a node the questions its kind has, and says what was found in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from engine.errors import StepFailed
from engine.kind import Probe

#: Offending rows that a message shows.
MAX_ROWS = 20
_MAX_VALUE = 60


def ask(
    probes: Sequence[Probe], step: str, table: str, session: duckdb.DuckDBPyConnection
) -> tuple[str, ...]:
    """Findings about the rows of ``table`` (quoted) that are only warnings.

    Raises ``StepFailed`` with all the others together.
    """
    failures: list[str] = []
    warnings: list[str] = []
    for probe in probes:
        if found := _ask(probe, table, session):
            (warnings if probe.is_warning else failures).append(found)
    if failures:
        raise StepFailed(step, "; ".join(failures), code="E_ASSERTION", permanent=True)
    return tuple(warnings)


def _ask(probe: Probe, table: str, session: duckdb.DuckDBPyConnection) -> str:
    """What is wrong, with the first offending rows; empty when nothing is."""
    offences = f'WITH "in" AS (SELECT * FROM {table}) SELECT * FROM ({probe.sql}\n)'
    answer = session.execute(f"{offences} LIMIT {MAX_ROWS}")
    names = [column[0] for column in answer.description or ()]
    rows = answer.fetchall()
    if not rows:
        return ""
    ((count,),) = session.execute(f"SELECT count(*) FROM ({offences})").fetchall()
    shown = "; ".join(_shown(names, row) for row in rows)
    more = f"; and {count - len(rows):,} more" if count > len(rows) else ""
    return f"expected {probe.expected}, and found {shown}{more}"


def _shown(names: Sequence[str], row: Sequence[Any]) -> str:
    return "(" + ", ".join(f"{n}={_text(v)}" for n, v in zip(names, row, strict=True)) + ")"


def _text(value: Any) -> str:
    if value is None:
        return "NULL"
    text = str(value)
    text = text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"
    return f"'{text}'" if isinstance(value, str) else text
