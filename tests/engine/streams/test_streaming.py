"""Memory of a run does not grow with its rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pipelines import Databases, plan, source, target, transform

from engine.plan import Plan

ROOT = Path(__file__).parents[3]
PROGRAM = """
import json, resource, sys
from engine.interpreter import run
from engine.plan import Plan
from pipelines import secrets

made = Plan.model_validate_json(sys.stdin.read())
run(made, run_id=sys.argv[1], secrets=secrets).raise_failure()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak_megabytes(run_id: str, made: Plan) -> int:
    """Of a process that runs the plan and nothing else."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, run_id],
        input=made.model_dump_json(),
        capture_output=True,
        text=True,
        env={"PYTHONPATH": f"{ROOT}:{Path(__file__).parents[1]}"},
        timeout=240,
    )
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


@pytest.mark.slow
def test_ten_times_the_rows_take_no_more_memory(databases: Databases) -> None:
    databases.in_source(
        "create table s as select i as id, md5(i::text) as word from generate_series(1, 1000000) i"
    )
    databases.in_target("create table t (id int, word text)")

    def peak(rows: int) -> int:
        keep = transform("keep", "filter", "read", condition=f"id <= {rows}")
        read = source("read", sql=f"select * from s where id <= {rows}")
        steps = [read, keep, target("write", "t", "keep", "replace")]
        made = plan(steps, databases.connections(), memory_limit_mb=256)
        return peak_megabytes(f"{rows} rows", made)

    assert peak(1_000_000) - peak(100_000) < 20
    loaded = databases.in_target("select rows from flowadmin.load_ledger order by rows")
    assert loaded == [(100_000,), (1_000_000,)]
