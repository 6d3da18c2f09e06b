from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from factories import PoolSampleFactory, WorkerSeenFactory

from workers.models import Pool
from workers.pages.history import pool_past
from workflows.models import Role, Run, Team, Workflow
from workflows.services import log_mirror


@pytest.fixture
def operator(make_client: Any, registered: Workflow) -> Any:
    return make_client(Role.OPERATOR, registered.team)


@pytest.fixture
def editor(make_client: Any, registered: Workflow) -> Any:
    return make_client(Role.EDITOR, registered.team)


@pytest.fixture
def run(operator: Any, registered: Workflow) -> Any:
    """A run that was started by the API, as it answered."""
    return operator.post("workflows/execute", {"workflow_id": str(registered.pk)}).json()


def test_execute_starts_a_run(operator, registered, prefect):
    answer = operator.post("workflows/execute", {"workflow_id": str(registered.pk)})
    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "success")
    assert body["workflow_id"] == str(registered.pk)
    assert body["deployment_name"] == registered.registration.deployment_name
    assert str(Run.objects.get().pk) == body["flow_run_id"]


def test_equal_idempotency_keys_start_one_run(operator, registered):
    body = {"workflow_id": str(registered.pk)}
    answers = [
        operator.post("workflows/execute", body, Idempotency_Key="k").json() for _ in range(2)
    ]
    assert answers[0]["flow_run_id"] == answers[1]["flow_run_id"]
    assert Run.objects.count() == 1


def test_parameters_are_handed_on_and_unknown_ones_refused(operator, registered):
    body: dict[str, Any] = {"workflow_id": str(registered.pk)}
    assert (
        operator.post("workflows/execute", {**body, "parameters": {"limit": 9}}).status_code == 200
    )
    assert Run.objects.get().parameters == {"limit": 9}
    answer = operator.post("workflows/execute", {**body, "parameters": {"limt": 9}})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")


def test_a_workflow_without_a_deployment_is_not_run(operator, workflow):
    answer = operator.post("workflows/execute", {"workflow_id": workflow["id"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "not_registered")
    status = operator.get(f"workflows/{workflow['id']}/status").json()
    assert status["prefect_status"] == "not_deployed"
    assert (status["deployment_info"], status["recent_runs"]) == (None, [])
    assert "total_runs" not in status


def test_the_status_tells_deployment_and_latest_runs(operator, registered, run):
    status = operator.get(f"workflows/{registered.pk}/status").json()
    assert status["prefect_status"] == "deployed"
    assert set(status["deployment_info"]) == {
        "deployment_id", "deployment_name", "is_schedule_active", "schedule", "tags",
    }  # fmt: skip
    assert [r["flow_run_id"] for r in status["recent_runs"]] == [run["flow_run_id"]]
    assert status["total_runs"] == 1


def test_pause_and_resume(operator, registered):
    assert operator.post(f"workflows/{registered.pk}/pause").json()["status"] == "success"
    assert Workflow.objects.get().is_paused
    operator.post(f"workflows/{registered.pk}/resume")
    assert not Workflow.objects.get().is_paused


def test_undeploying_disables_and_registering_enables(make_client, registered, run, prefect):
    admin = make_client(Role.ADMIN, registered.team)
    prefect.advance(Run.objects.get().pk, "COMPLETED")
    Run.objects.update(state="COMPLETED")
    answer = admin.delete(f"workflows/{registered.pk}/deployment?delete_runs=true").json()
    assert (answer["status"], answer["runs_deleted"]) == ("success", 1)
    assert not Workflow.objects.get().is_enabled
    assert admin.post(f"workflows/{registered.pk}/register").status_code == 202
    assert Workflow.objects.get().is_enabled


def test_deleting_runs_needs_more_than_an_editor(editor, registered):
    path = f"workflows/{registered.pk}/deployment"
    assert editor.delete(f"{path}?delete_runs=true").status_code == 403
    assert editor.delete(path).status_code == 200


def test_runs_are_listed_and_read_with_their_nodes(operator, registered, run):
    listed = operator.get(f"workflows/{registered.pk}/runs", limit=5).json()
    assert listed["workflow_id"] == str(registered.pk)
    assert [r["flow_run_id"] for r in listed["runs"]] == [run["flow_run_id"]]
    nodes = Run.objects.get().node_runs.filter(node_key="read")
    nodes.update(state="COMPLETED", rows_out=5, seconds=0.5)
    detail = operator.get(f"workflows/{registered.pk}/runs/{run['flow_run_id']}/").json()
    rows = {node["node"]: (node["rows_out"], node["seconds"]) for node in detail["nodes"]}
    assert rows["read"] == (5, 0.5)
    assert detail["receipt"]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"state": "odd"}])
def test_a_query_out_of_range_is_refused(operator, registered, query):
    answer = operator.get(f"workflows/{registered.pk}/runs", **query)
    assert answer.status_code == 400
    assert answer.json()["issues"][0]["field"] in query


def test_logs_are_read_by_level(operator, registered, run, prefect):
    run_id = Run.objects.get().pk
    prefect.write_log(run_id, "quiet", level=10)
    prefect.write_log(run_id, "<script>loud</script>", level=40)
    path = f"workflows/{registered.pk}/runs/{run_id}/logs"
    log_mirror.want(Run.objects.get())
    log_mirror.take_over_news()
    assert operator.get(path).json()["log_count"] == 2
    [line] = operator.get(path, level="warning").json()["logs"]
    assert (line["level"], line["message"]) == (40, "<script>loud</script>")


def test_pages_of_logs_begin_after_a_line(operator, registered, run, prefect):
    prefect.write_log(run_id := Run.objects.get().pk, "first\nsecond")
    log_mirror.want(Run.objects.get())
    log_mirror.take_over_news()
    path = f"workflows/{registered.pk}/runs/{run_id}/logs"
    [first] = operator.get(path, limit=1).json()["logs"]
    [second] = operator.get(path, after=first["id"]).json()["logs"]
    assert second["message"] == "second"
    assert operator.get(path, text="SECOND").json()["log_count"] == 1


def test_a_run_under_another_workflow_is_not_there(operator, registered, run, save):
    other = save()
    for path in ("", "logs"):
        answer = operator.get(f"workflows/{other.pk}/runs/{run['flow_run_id']}/{path}")
        assert answer.status_code == 404


def test_an_operator_cancels(operator, registered, run):
    answer = operator.post(f"workflows/{registered.pk}/runs/{run['flow_run_id']}/cancel")
    assert answer.status_code == 200
    assert answer.json()["state"] in ("CANCELLING", "CANCELLED")


def test_prefect_away_is_503_with_retry_after(operator, registered, prefect):
    prefect.go_down()
    for answer in (
        operator.post("workflows/execute", {"workflow_id": str(registered.pk)}),
        operator.get("workers/overview"),
    ):
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert answer.json()["code"] == "prefect_unreachable"


def test_logs_are_read_without_prefect(operator, registered, run, prefect):
    prefect.go_down()
    answer = operator.get(f"workflows/{registered.pk}/runs/{run['flow_run_id']}/logs")
    assert answer.status_code == 200


def test_the_database_away_is_503(operator, registered, monkeypatch):
    def away(*_: Any) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("workflows.api.views.scope", away)
    answer = operator.get(f"workflows/{registered.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unreachable")


def test_an_unexpected_error_tells_nothing(operator, registered, monkeypatch):
    def broken(*_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("workflows.api.views.scope", broken)
    answer = operator.get(f"workflows/{registered.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert b"secret detail" not in answer.content


def test_execute_in_a_preferred_pool(operator, registered):
    body = {"workflow_id": str(registered.pk), "preferred_pool": "etl-pool", "priority": "high"}
    answer = operator.post("workers/execute", body).json()
    assert (answer["work_pool"], answer["priority"]) == ("etl-pool", "high")
    assert answer["capacity_at_execution"]["limit"] == 3


def test_execute_is_refused_only_when_every_pool_is_full(operator, registered, prefect):
    body = {"workflow_id": str(registered.pk)}
    started = 0
    while (answer := operator.post("workers/execute", body)).status_code == 200:
        prefect.advance(Run.objects.first().pk, "RUNNING")
        Run.objects.filter(state="SCHEDULED").update(state="RUNNING")
        started += 1
        assert started <= 10
    assert (answer.status_code, answer["Retry-After"]) == (429, "5")
    assert answer.json()["code"] == "pools_full"
    assert started == 10


def test_the_overview_has_the_keys_of_the_old_one(operator):
    body = operator.get("workers/overview").json()
    assert set(body) == {
        "timestamp", "worker_summary", "work_pools", "workers", "pool_capacities",
        "recommendations",
    }  # fmt: skip
    assert body["worker_summary"]["total_pools"] == 3
    assert body["pool_capacities"]["etl-pool"]["concurrency_limit"] == 3
    assert {worker["status"] for worker in body["workers"]} == {"ONLINE"}


def test_a_pool_without_a_worker_is_remarked(operator, prefect):
    prefect.put_online("etl-pool", is_online=False)
    [advice] = operator.get("workers/overview").json()["recommendations"]
    assert (advice["pool"], advice["type"], advice["priority"]) == ("etl-pool", "monitor", "high")


def test_a_pool_is_advised_upon_as_on_its_page(operator):
    pool = Pool.objects.get(name="etl-pool")
    for minutes in range(120):
        at = timezone.now() - timedelta(minutes=minutes)
        PoolSampleFactory(pool=pool, taken_at=at, active=3, queued=2)
    WorkerSeenFactory(pool=pool)
    [advice] = operator.get("workers/overview").json()["recommendations"]
    said = pool_past(pool).advice
    assert (advice["pool"], advice["type"]) == ("etl-pool", "scale_up")
    assert advice["message"] == f"{said.text} {said.figures}"


def test_a_pool_is_paused_by_an_admin_and_prefect_is_told(make_client, registered, prefect):
    Pool.objects.get(name="etl-pool").teams.add(registered.team)
    admin = make_client(Role.ADMIN, registered.team)
    assert admin.post("workers/pools/etl-pool/pause").status_code == 200
    assert prefect.pool_status("etl-pool").is_paused
    status = admin.get("workers/pools/etl-pool/status").json()
    assert status["capacity"]["is_paused"]
    admin.post("workers/pools/etl-pool/resume")
    assert not prefect.pool_status("etl-pool").is_paused


def test_a_pool_is_not_paused_if_prefect_does_not_hear_of_it(make_client, registered, prefect):
    prefect.go_down()
    Pool.objects.get(name="etl-pool").teams.add(registered.team)
    admin = make_client(Role.ADMIN, registered.team)
    assert admin.post("workers/pools/etl-pool/pause").status_code == 503
    assert not Pool.objects.get(name="etl-pool").is_paused


def test_a_shared_pool_is_not_a_teams_to_pause(make_client, registered):
    admin = make_client(Role.ADMIN, registered.team)
    assert admin.post("workers/pools/etl-pool/pause").status_code == 403


def test_a_pool_of_another_team_is_not_there(operator, stranger, prefect):
    Pool.objects.create(name="own-pool", rank=15).teams.add(Team.objects.get(slug="other"))
    assert operator.get("workers/pools/own-pool/status").status_code == 404
    assert "own-pool" not in operator.get("workers/pools").content.decode()


def test_the_distribution_counts_ones_own_teams(operator, stranger, run):
    body = operator.get("workers/distribution").json()
    assert (body["total_workflows"], body["by_pool"]) == (1, {"default-agent-pool": 1})
    assert body["recent_activity"] == {"default-agent-pool": 1}
    assert stranger.get("workers/distribution").json()["total_workflows"] == 0


def test_an_unknown_pool_is_not_there(operator):
    assert operator.get("workers/pools/no-such-pool/status").status_code == 404


def test_a_run_tells_why_it_waits(operator, registered, run):
    Pool.objects.filter(name=registered.registration.pool).update(is_paused=True)
    path = f"workflows/{registered.pk}/runs"
    waiting = operator.get(f"{path}/{run['flow_run_id']}/").json()["waiting"]
    assert waiting["code"] == "pool_paused"
    assert waiting["held_by"] == []
    assert operator.get(path).json()["runs"][0]["waiting"] == waiting
    Run.objects.update(state="COMPLETED")
    assert operator.get(path).json()["runs"][0]["waiting"] is None
