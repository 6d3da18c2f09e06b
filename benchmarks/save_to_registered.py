"""Save → runnable deployment, on a whole running stack, warm.

From the commit of a save to the moment the workflow is shown as registered, over 20 saves
that each change the definition. Against targets of 1, 1.5 and 3 seconds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from benchmarks.graphs import chain
from benchmarks.result import Result, p95
from benchmarks.stack import running_stack
from engine.connectors.postgresql.config import PostgresqlConfig

if TYPE_CHECKING:
    from workflows.models import Team, Workflow

_TARGETS_S = {3: 1.0, 100: 1.5, 1000: 3.0}
_SAVES = 20
_GIVE_UP_S = 120.0


def measure() -> Iterator[Result]:
    with running_stack():
        from workflows.models import Connection, Team

        mart = Connection.objects.get(slug="sample-mart")
        _make_tables(mart)
        for size, target in _TARGETS_S.items():
            seconds = _measure(Team.objects.get(pk=mart.team_id), mart.slug, size)
            case = f"{size} nodes"
            yield Result.at_most(case, "median_s", statistics.median(seconds), "s", target)
            yield Result(case, "p95_s", p95(seconds), "s")


def _measure(team: Team, connection: str, size: int) -> list[float]:
    from workflows.services.editing import save_definition

    workflow = None
    times = []
    for number in range(-1, _SAVES):
        definition = chain(size, connection=connection, salt=number + 1)
        definition = definition.model_copy(update={"name": f"Chain of {size}"})
        workflow = save_definition(team=team, definition=definition, workflow=workflow)
        took = _until_registered(workflow)
        if number >= 0:
            times.append(took)
    return times


def _until_registered(workflow: Workflow) -> float:
    """Seconds until everything saved so far is registered."""
    from workflows.models import Registration, RegistrationOutbox

    committed = time.perf_counter()
    while time.perf_counter() - committed < _GIVE_UP_S:
        entry = RegistrationOutbox.objects.get(pk=workflow.pk)
        registration = Registration.objects.filter(pk=workflow.pk).first()
        if registration and registration.state == "failed":
            raise RuntimeError(f"not registered: {registration.reason}")
        if entry.done_generation == entry.generation and registration:
            return time.perf_counter() - committed
        time.sleep(0.01)
    raise RuntimeError(f"not registered within {_GIVE_UP_S:.0f} s")


def _make_tables(connection: Any) -> None:
    from workflows.services.connections import config_of

    config = config_of(connection)
    assert isinstance(config, PostgresqlConfig)
    with config.connect(is_read_only=False) as database:
        for table in ("bench_source", "bench_target"):
            database.execute(
                f"create table {table} (id bigint, amount numeric(12,2), name varchar(80))"
            )
