"""A folder of files, and plans that read and write it as connection ``exchange``."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from pipelines import plan

from engine.interpreter import run
from engine.outcome import RunOutcome
from engine.plan import Input, Plan, PlanConnection, Step


@dataclass(frozen=True)
class Exchange:
    root: Path

    def write(self, name: str, content: str | bytes) -> None:
        place = self.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)

    def make(self, name: str, query: str, options: str = "FORMAT parquet") -> None:
        """A file as DuckDB writes it."""
        duckdb.sql(f"COPY ({query}) TO '{self.root / name}' ({options})")

    def remove(self, name: str) -> None:
        """A file or folder whose name begins so, if there is one."""
        for place in self.root.glob(f"{name}*"):
            shutil.rmtree(place) if place.is_dir() else place.unlink()

    def text(self, name: str) -> str:
        return (self.root / name).read_text()

    def names(self) -> list[str]:
        """Every file that is not hidden."""
        places = (place.relative_to(self.root) for place in self.root.rglob("*"))
        shown = (place for place in places if not place.parts[0].startswith("."))
        return sorted(place.as_posix() for place in shown if (self.root / place).is_file())

    def plan(self, *steps: Step) -> Plan:
        options = {"root": str(self.root)}
        return plan(steps, {"exchange": PlanConnection(connector="files", options=options)})

    def run(self, *steps: Step, run_id: str = "r") -> RunOutcome:
        return run(self.plan(*steps), run_id=run_id, secrets=lambda connection: {})

    def copied(self, path: str, **config: Any) -> list[tuple[Any, ...]]:
        """Rows of a source as they reach a Parquet target."""
        outcome = self.run(read(path, **config), write("copy.parquet", format="parquet"))
        assert outcome.ok, outcome.failures
        return duckdb.sql(f"FROM '{self.root / 'copy.parquet'}' ORDER BY ALL").fetchall()

    def failure(self, path: str, **config: Any) -> str:
        """How a run that reads a source fails."""
        (failure,) = self.run(read(path, **config), write("copy.csv")).failures
        return str(failure)


def read(path: str, **config: Any) -> Step:
    config = {"connection": "exchange", "path": path, **config}
    return Step(key="read", name="read", kind="file_source", config=config)


def write(path: str, **config: Any) -> Step:
    config = {"connection": "exchange", "path": path, **config}
    edges = (Input(port="in", step="read"),)
    return Step(key="write", name="write", kind="file_target", config=config, inputs=edges)
