"""Has plans run in a process of their own: see ``warm``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.etl.cost import Client
from benchmarks.stack import REPOSITORY
from engine.plan import Plan


class Runner:
    """The side that gives orders."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._runs = 0

    def run(self, plan: Plan) -> tuple[Client, dict[str, int | None]]:
        """Run a plan under a new run id: what that used, and rows out by node."""
        assert self._process.stdin
        assert self._process.stdout
        self._runs += 1
        order = json.dumps([f"run {self._runs}", plan.model_dump_json()])
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        answers = self._process.stdout.readline(), self._process.stdout.readline()
        if not all(answers):
            raise RuntimeError("the run failed; its message is above")
        counted, (cpu, rss_mb) = map(json.loads, answers)
        return Client(cpu, rss_mb), counted


@contextmanager
def running_plans() -> Iterator[Runner]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.etl.warm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    try:
        yield Runner(process)
    finally:
        process.communicate(timeout=60)
