"""Tables and boxes for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workflows.models import Run


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Aligned columns; None is shown as a dash."""
    cells = [list(header), *(["-" if cell is None else str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(_line(row, widths) for row in cells)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
    return "  ".join(padded).rstrip()


def box(lines: Sequence[str]) -> str:
    width = max(map(len, lines))
    body = [f"│ {line:<{width}} │" for line in lines]
    return "\n".join([f"╭{'─' * (width + 2)}╮", *body, f"╰{'─' * (width + 2)}╯"])


def result(run: Run) -> str:
    """State and time of a run, and what each node did."""
    seconds = f" in {run.duration_seconds:.1f} s" if run.duration_seconds is not None else ""
    nodes = [
        (
            node.node_name or node.node_key,
            node.state.lower(),
            node.rows_in,
            node.rows_out,
            None if node.seconds is None else f"{node.seconds:.3f}",
        )
        for node in run.node_runs.all()
    ]
    title = f"{run.workflow} on {run.pool}: {run.state.lower()}{seconds}"
    return f"{title}\n{table(('node', 'state', 'rows in', 'rows out', 'seconds'), nodes)}"
