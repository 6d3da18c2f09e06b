"""Runs plans as workers do: in a child of a process that has the engine imported already.

It has the engine and nothing else; a worker's process has Prefect's client too, 50 MB that its
runs share. For each line of JSON ``[run id, plan]`` it writes one with rows out by node, and one
with the CPU seconds and the peak of memory in MB that the child used.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Mapping

import psycopg  # noqa: F401 - what a run would import on its way

from engine import registry
from engine.interpreter import run
from engine.plan import Plan, PlanConnection
from engine.warm.confining import confine


def serve() -> None:
    registry.kinds()
    registry.connectors()
    for line in sys.stdin:
        run_id, plan = json.loads(line)
        pid = os.fork()
        if not pid:
            folder = confine(json.loads(plan))
            _answer(_counted(run_id, Plan.model_validate_json(plan)))
            folder.close()
            os._exit(0)
        _answer(_used(os.wait4(pid, 0)[2]))


def _counted(run_id: str, plan: Plan) -> Mapping[str, int | None]:
    outcome = run(plan, run_id=run_id, secrets=_secrets)
    outcome.raise_failure()
    return {key: node.rows_out for key, node in outcome.nodes.items()}


def _used(usage: resource.struct_rusage) -> tuple[float, float]:
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _secrets(connection: PlanConnection) -> Mapping[str, str]:
    return {"password": connection.sealed}


def _answer(value: object) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    serve()
