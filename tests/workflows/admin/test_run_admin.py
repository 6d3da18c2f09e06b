from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.urls import reverse
from factories import NodeRunFactory, RunFactory, ScheduleFactory, VersionFactory, WorkflowFactory

from workers.models import Pool
from workflows.models import Role, Run, RunState
from workflows.services.running import run_now

pytestmark = pytest.mark.django_db

LIST = "/admin/workflows/run/"
SUBMIT = {"_form_submitted": "on"}


def page_of(run: Run) -> str:
    return reverse("admin:workflows_run_change", args=[run.pk])


def cancel(run: Run) -> str:
    return reverse("admin:workflows_run_cancel", args=[run.pk])


@pytest.fixture
def run(team):
    return RunFactory(workflow=WorkflowFactory(team=team, name="Orders"), state=RunState.RUNNING)


def test_the_list_costs_the_same_whatever_its_length(
    root, team, django_assert_num_queries, django_assert_max_num_queries
):
    RunFactory.create_batch(2, workflow__team=team)
    root.get(LIST)
    with django_assert_max_num_queries(12) as few:
        root.get(LIST)
    RunFactory.create_batch(10, workflow__team=team)
    with django_assert_num_queries(len(few)):
        root.get(LIST)


def test_the_list_never_counts_all_runs(root, run, django_assert_max_num_queries):
    with django_assert_max_num_queries(20) as queries:
        root.get(LIST)
    assert not [q for q in queries if 'COUNT(*) AS "__count" FROM "workflows_run"' in q["sql"]]


def test_the_page_shows_rows_and_time_of_each_node(root, run):
    NodeRunFactory(
        run=run, node_name="Well paid", state="COMPLETED", rows_in=1070, rows_out=312, seconds=0.42
    )
    text = root.get(page_of(run)).content.decode()
    for shown in ("Well paid", "1,070", "312", "420 ms"):
        assert shown in text


def test_the_cause_is_what_the_node_that_failed_says(root, run):
    NodeRunFactory(run=run, node_name="Keep", state="FAILED", message="division by zero")
    Run.objects.update(state=RunState.FAILED, message="1 of 3 nodes failed")
    text = root.get(page_of(run)).content.decode()
    assert "Failed at node &#x27;Keep&#x27;" in text
    assert text.index("division by zero") < text.index("<h2>Nodes</h2>")


def test_the_cause_comes_with_advice_and_the_log_of_its_node(root, run):
    NodeRunFactory(run=run, node_key="keep", state="FAILED", error_code="E_UNREACHABLE")
    Run.objects.update(state=RunState.FAILED)
    text = root.get(page_of(run)).content.decode()
    assert "Test the connection on its page" in text
    assert f"{page_of(run)}?node=keep#log" in text
    text = root.get(page_of(run), {"node": "keep"}).content.decode()
    assert '<option value="keep" selected>' in text


def test_an_ended_run_is_compared_with_the_last_good_one(root, run, django_assert_max_num_queries):
    good = RunFactory(
        workflow=run.workflow, state="COMPLETED", created_at=datetime(2020, 1, 1, tzinfo=UTC)
    )
    NodeRunFactory(run=good, node_key="read", rows_out=4000)
    NodeRunFactory(run=run, node_key="read", rows_out=1000)
    assert page_of(good) not in root.get(page_of(run)).content.decode()
    Run.objects.filter(pk=run.pk).update(state=RunState.FAILED)
    with django_assert_max_num_queries(12):
        text = root.get(page_of(run)).content.decode()
    assert page_of(good) in text
    assert "1,000 (-75 %)" in text


def test_nodes_that_have_begun_have_a_bar(root, run):
    begun = datetime.now(UTC)
    NodeRunFactory(run=run, node_key="read", state="RUNNING", started_at=begun)
    assert 'class="bar bar-busy"' in root.get(page_of(run)).content.decode()


def test_nodes_that_have_not_started_are_shown_as_waiting(root, team):
    nodes = {"nodes": [{"key": "write", "kind": "database_target", "name": "Mart"}]}
    version = VersionFactory(workflow=WorkflowFactory(team=team), definition=nodes)
    run = RunFactory(workflow=version.workflow, version=version, state=RunState.RUNNING)
    text = root.get(page_of(run)).content.decode()
    assert "Mart" in text
    assert "</span>Waiting</span>" in text


def test_nobody_may_change_or_delete_a_run(root, run):
    assert root.post(page_of(run), {"state": "COMPLETED"}).status_code == 403
    delete = reverse("admin:workflows_run_delete", args=[run.pk])
    assert root.post(delete, {"post": "yes"}).status_code == 403


def test_a_run_is_cancelled_by_post_only(root, registered, prefect):
    run = run_now(workflow=registered)
    root.get(cancel(run))
    run.refresh_from_db()
    assert not run.is_terminal
    root.post(cancel(run), SUBMIT)
    run.refresh_from_db()
    assert run.state in {RunState.CANCELLING, RunState.CANCELLED}


def test_an_ended_run_offers_no_cancel(root, run):
    assert cancel(run) in root.get(page_of(run)).content.decode()
    Run.objects.update(state=RunState.COMPLETED)
    assert cancel(run) not in root.get(page_of(run)).content.decode()


def test_a_viewer_cannot_cancel(as_role, run):
    assert as_role(Role.VIEWER).post(cancel(run), SUBMIT).status_code == 403


def test_a_run_of_another_team_does_not_exist(stranger, run):
    assert stranger.get(page_of(run)).status_code == 404
    assert stranger.post(cancel(run), SUBMIT).status_code == 404
    assert "Orders" not in stranger.get(LIST).content.decode()


@pytest.fixture
def full(team, prefect):
    """A run that waits for a pool whose two slots are taken, one by another team."""
    Pool.objects.filter(name="etl-pool").update(concurrency_limit=2)
    RunFactory(workflow=WorkflowFactory(team=team, name="Ours"), pool="etl-pool", state="RUNNING")
    RunFactory(workflow=WorkflowFactory(name="Theirs"), pool="etl-pool", state="RUNNING")
    return RunFactory(workflow=WorkflowFactory(team=team), pool="etl-pool")


def test_a_run_that_waits_says_who_is_in_the_way(as_role, full):
    text = as_role(Role.VIEWER).get(page_of(full)).content.decode()
    assert "Waiting: pool &#x27;etl-pool&#x27; is full: 2 of 2 slots are taken" in text
    assert "Ours" in text
    assert "and 1 run of other teams" in text
    assert "Theirs" not in text


def test_the_list_says_why_runs_wait(root, full):
    assert "is full: 2 of 2 slots are taken" in root.get(LIST).content.decode()


def test_the_page_of_the_workflow_says_why_its_run_waits(root, full):
    page = reverse("workflows:workflow-overview", args=[full.workflow_id])
    assert "is full: 2 of 2 slots are taken" in root.get(page).content.decode()


def test_a_later_start_is_told_in_the_zone_of_the_schedule_too(root, run):
    ScheduleFactory(workflow=run.workflow, timezone="Asia/Tokyo")
    at = datetime(2100, 3, 1, 12, tzinfo=UTC)
    Run.objects.update(state=RunState.SCHEDULED, expected_at=at)
    text = root.get(page_of(run)).content.decode()
    assert "it is scheduled for 2100-03-01 12:00:00 UTC" in text
    assert "(2100-03-01 21:00 Asia/Tokyo)" in text


def retry(run: Run, how: str = "retry_failed") -> str:
    return reverse(f"admin:workflows_run_{how}", args=[run.pk])


def test_a_failed_run_is_retried_from_its_page(root, registered, prefect):
    run = run_now(workflow=registered)
    Run.objects.update(state=RunState.FAILED)
    assert retry(run) in root.get(page_of(run)).content.decode()
    root.get(retry(run))
    assert not run.retries.exists()
    answer = root.post(retry(run), SUBMIT)
    started = run.retries.get()
    assert answer.url == page_of(started)
    assert page_of(run) in root.get(page_of(started)).content.decode()


def test_a_run_that_went_well_is_retried_from_the_start_only(root, run):
    Run.objects.update(state=RunState.COMPLETED)
    text = root.get(page_of(run)).content.decode()
    assert retry(run, "retry") in text
    assert retry(run) not in text


def test_a_node_shows_some_of_its_rows(root, run, prefect, monkeypatch):
    NodeRunFactory(run=run, node_key="read", node_name="Orders", state="COMPLETED")
    sample = reverse("workflows:run-sample", args=[run.pk, "read"])
    assert sample in root.get(page_of(run)).content.decode()
    assert "No rows of this node were kept" in root.get(sample).content.decode()
