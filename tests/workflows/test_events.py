from __future__ import annotations

from uuid import UUID

import httpx
import pytest
from waiting import wait_for

from workflows.events import (
    EventStream,
    EventsUnavailable,
    FlowRunChanged,
    TaskRunChanged,
    change_of,
)

RUN = "11111111-1111-4111-8111-111111111111"
TASK = "22222222-2222-4222-8222-222222222222"


def event(what: str, **changes) -> dict:
    state = {
        "prefect.resource.id": what,
        "prefect.resource.name": "keep",
        "prefect.state-type": "COMPLETED",
        "prefect.state-name": "Completed",
        "prefect.state-timestamp": "2026-01-01T00:00:00+00:00",
    }
    related = {
        "prefect.resource.id": f"prefect.flow-run.{RUN}",
        "prefect.resource.role": "flow-run",
    }
    payload = {
        "validated_state": {"message": '{"rows_in":1}'},
        "task_run": {"run_count": 2, "start_time": "2026-01-01T00:00:00Z"},
    }
    return {"resource": state, "related": [related], "payload": payload, **changes}


def test_an_event_of_a_flow_run_names_the_run():
    change = change_of(event(f"prefect.flow-run.{RUN}"))
    assert isinstance(change, FlowRunChanged)
    assert str(change.flow_run_id) == RUN


def test_an_event_of_a_task_run_carries_its_state():
    change = change_of(event(f"prefect.task-run.{TASK}"))
    assert isinstance(change, TaskRunChanged)
    told = change.task_run
    assert (str(told.id), str(told.flow_run_id), told.name) == (TASK, RUN, "keep")
    assert (told.state, told.message, told.attempt) == ("COMPLETED", '{"rows_in":1}', 2)


@pytest.mark.parametrize(
    "given",
    [
        {},
        event(f"prefect.task-run.{TASK}", related=[]),
        event(
            f"prefect.flow-run.{RUN}", resource={"prefect.resource.id": f"prefect.flow-run.{RUN}"}
        ),
        event("prefect.worker.x"),
    ],
)
def test_other_events_say_nothing(given):
    assert change_of(given) is None


def test_a_server_that_is_not_there_is_named():
    with pytest.raises(EventsUnavailable, match=r"ws://127\.0\.0\.1:9/api/events/out"):
        EventStream("http://127.0.0.1:9/api").__enter__()


@pytest.mark.slow
def test_a_real_server_tells_of_a_new_run(prefect_server):
    made = set()
    with EventStream(prefect_server) as stream, httpx.Client(base_url=prefect_server) as client:
        flow = client.post("/flows/", json={"name": "told"}).raise_for_status().json()
        body = {"flow_id": flow["id"], "state": {"type": "PENDING"}}

        def is_told() -> bool:
            """Of one more run: the server does not say when it begins to tell."""
            run = client.post("/flow_runs/", json=body).raise_for_status().json()
            made.add(FlowRunChanged(UUID(run["id"])))
            # Others use this server too; the stream gives None when it falls silent.
            return any(one in made for one in iter(lambda: stream.next_change(timeout=2), None))

        wait_for("a new run is told", is_told)
