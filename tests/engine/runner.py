"""A process that runs a plan in a child of its own whenever it is told to.

Reads lines of JSON ``[run id, plan]``; for each it writes a line with the child's pid, and
one with its exit code. Importing once and forking makes a run start in milliseconds.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from pipelines import secrets

from engine.interpreter import run
from engine.plan import Plan

ROOT = Path(__file__).parents[2]


class Runner:
    """The test's side of the process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # a line that waits in a buffer is not seen by select
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}"},
        )
        assert self._process.stdin
        assert self._process.stdout
        self._orders, self._answers = self._process.stdin, self._process.stdout

    def close(self) -> None:
        self._orders.close()
        self._process.wait(60)
        self._answers.close()

    def run(self, run_id: str, plan: Plan, kill_after: float = 600) -> int:
        """The exit code of a run, which is killed if it lasts longer than that many seconds."""
        self._orders.write(json.dumps([run_id, plan.model_dump_json()]).encode() + b"\n")
        self._orders.flush()
        pid = int(self._answers.readline())
        if not select.select([self._answers], [], [], kill_after)[0]:
            os.kill(pid, signal.SIGKILL)
        return int(self._answers.readline())


def serve() -> None:
    for line in sys.stdin:
        run_id, plan = json.loads(line)
        pid = os.fork()
        if not pid:
            outcome = run(Plan.model_validate_json(plan), run_id=run_id, secrets=secrets)
            os._exit(0 if outcome.ok else 1)
        _answer(pid)
        _answer(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve()
