"""The engine runs where neither Django nor Prefect is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pipelines import Databases, plan, source, target, transform

ROOT = Path(__file__).parents[2]

PROGRAM = """
import importlib.abc, json, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"django", "prefect", "rest_framework", "celery"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())

import engine.columns.binding, engine.registry
from engine.interpreter import run
from engine.plan import Plan

assert engine.registry.kinds() and engine.registry.connectors()
outcome = run(
    Plan.model_validate_json(sys.stdin.read()),
    run_id="r",
    secrets=lambda connection: {"password": connection.sealed},
)
outcome.raise_failure()
print(json.dumps({key: node.rows_out for key, node in outcome.nodes.items()}))
"""


def test_a_plan_runs_without_django_and_without_prefect(databases: Databases) -> None:
    databases.in_source("create table s as select generate_series(1, 10) as id")
    databases.in_target("create table t (id int)")
    steps = [
        source("read", "s"),
        transform("keep", "filter", "read", condition="id > 4"),
        target("write", "t", "keep"),
    ]
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=plan(steps, databases.connections()).model_dump_json(),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {"read": 10, "keep": 6, "write": 6}
