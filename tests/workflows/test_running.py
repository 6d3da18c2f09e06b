from __future__ import annotations

import pytest
from factories import RegistrationFactory, RunFactory, definition

from workers.models import WorkerSeen
from workflows import registration
from workflows.models import RegistrationOutbox, Run, Trigger, Workflow
from workflows.services import running
from workflows.services.mirror import apply_flow_run
from workflows.services.running import NotRunnable, run_now

pytestmark = pytest.mark.django_db

HOME = "default-agent-pool"


def refused(**given) -> NotRunnable:
    with pytest.raises(NotRunnable) as caught:
        run_now(**given)
    assert not Run.objects.exists()
    return caught.value


def fill(workflow: Workflow, pool: str = HOME, slots: int = 5) -> None:
    RunFactory.create_batch(slots, workflow=workflow, pool=pool, state="RUNNING")


def occupy(prefect, deployment_id, slots: int) -> None:
    """Runs that Prefect counts."""
    for _ in range(slots):
        prefect.advance(prefect.create_run(deployment_id).id, "RUNNING")


def test_a_run_is_there_at_once_with_its_nodes(registered, admin_user):
    run = run_now(workflow=registered, user=admin_user, trigger=Trigger.API)
    assert (run.state, run.pool, run.version.number) == ("SCHEDULED", HOME, 1)
    assert (run.trigger, run.created_by) == ("api", admin_user)
    assert run.receipt == registered.assignment.receipt
    assert [n.node_key for n in run.node_runs.all()] == ["read", "keep0", "write"]


def test_the_usual_run_asks_prefect_once(registered, prefect):
    prefect.calls.clear()
    run_now(workflow=registered)
    assert prefect.calls == ["create_run"]


def test_parameters_override_and_leave_the_plan(registered, prefect):
    run = run_now(workflow=registered, parameters={"limit": 9})
    assert prefect.flow_runs[run.pk].parameters == {"parameters": {"limit": 9}}
    assert run.parameters == {"limit": 9}


def test_an_unknown_parameter_is_refused_with_a_suggestion(registered):
    error = refused(workflow=registered, parameters={"limt": 9})
    assert error.code == "unknown_parameter"
    assert "did you mean 'limit'?" in error.reason


def test_a_parameter_of_another_type_is_refused(registered):
    error = refused(workflow=registered, parameters={"limit": "many"})
    assert error.code == "invalid_parameter"
    assert "'limit' is \"many\", a text; expected a number" in error.reason


def test_null_stands_for_any_parameter(registered):
    assert run_now(workflow=registered, parameters={"limit": None}).parameters == {"limit": None}


def test_the_same_idempotency_key_is_the_same_run(registered):
    first, second = (run_now(workflow=registered, idempotency_key="k") for _ in range(2))
    assert first == second
    assert Run.objects.count() == 1


def test_the_observer_may_have_seen_the_run_first(registered, prefect, monkeypatch, admin_user):
    create = type(prefect).create_run

    def seen_at_once(self, *args, **kwargs):
        flow_run = create(self, *args, **kwargs)
        apply_flow_run(flow_run)
        return flow_run

    monkeypatch.setattr(type(prefect), "create_run", seen_at_once)
    run = run_now(workflow=registered, user=admin_user)
    assert (run.created_by, run.receipt) == (admin_user, registered.assignment.receipt)


def test_a_disabled_workflow_does_not_run(registered):
    registered.is_enabled = False
    assert refused(workflow=registered).code == "disabled"


def test_an_unregistered_workflow_says_why_it_is_not():
    registration_row = RegistrationFactory()
    type(registration_row).objects.update(state="failed", reason="cycle: a → b")
    error = refused(workflow=registration_row.workflow)
    assert error.code == "not_registered"
    assert "cycle: a → b" in error.reason
    assert error.reason.endswith("; correct it and save")


def test_a_workflow_that_is_being_registered_is_run_in_a_moment():
    error = refused(workflow=RegistrationFactory().workflow)
    assert error.reason.endswith("; try again in a moment")


def test_a_paused_workflow_runs_by_hand(registered):
    running.pause(registered)
    registration.register(registered.pk)
    assert run_now(workflow=registered).state == "SCHEDULED"


def test_a_run_falls_back_when_the_pool_is_full(registered, prefect):
    fill(registered)
    occupy(prefect, registered.registration.deployment_id, 5)
    run = run_now(workflow=registered)
    assert run.pool == "etl-pool"
    assert run.receipt["chosen_by"] == "fallback"


def test_a_run_falls_back_when_the_pool_has_no_worker(registered, prefect):
    WorkerSeen.objects.filter(pool__name=HOME).update(is_online=False)
    prefect.put_online(HOME, is_online=False)
    assert run_now(workflow=registered).pool == "etl-pool"


def test_what_our_tables_think_full_is_asked_again(registered, prefect):
    fill(registered)
    assert run_now(workflow=registered).pool == HOME


def test_without_room_anywhere_a_run_waits_at_home(registered, prefect):
    fill(registered)
    for pool in prefect.pools:
        prefect.put_online(pool, is_online=False)
    assert run_now(workflow=registered).pool == HOME


def test_without_room_anywhere_a_caller_may_prefer_to_be_told(registered, prefect):
    WorkerSeen.objects.update(is_online=False)
    for pool in prefect.pools:
        prefect.put_online(pool, is_online=False)
    error = refused(workflow=registered, refuse_when_full=True)
    assert error.code == "pools_full"
    assert f"{HOME} has no worker online" in error.reason


def test_a_preferred_pool_takes_the_run(registered, prefect):
    run = run_now(workflow=registered, preferred_pool="high-memory-pool")
    assert (run.pool, run.receipt["chosen_by"]) == ("high-memory-pool", "manual")
    assert registered.registration.pool == HOME


def test_an_unknown_pool_is_refused_with_a_suggestion(registered):
    error = refused(workflow=registered, preferred_pool="etlpool")
    assert (error.code, "'etl-pool'" in error.reason) == ("unknown_pool", True)


def test_a_deployment_that_vanished_is_registered_again(registered, prefect):
    prefect.deployments.clear()
    assert refused(workflow=registered).code == "not_registered"
    assert registration.register(registered.pk) == "registered"
    assert run_now(workflow=Workflow.objects.get(pk=registered.pk)).state == "SCHEDULED"


def test_without_prefect_a_run_is_refused(registered, prefect):
    prefect.go_down()
    assert refused(workflow=registered).code == "prefect_unreachable"


def test_pausing_and_resuming_reach_prefect(registered, prefect):
    running.pause(registered)
    registration.register(registered.pk)
    assert [d.is_paused for d in prefect.deployments.values()] == [True]
    running.resume(registered)
    registration.register(registered.pk)
    assert [d.is_paused for d in prefect.deployments.values()] == [False]


def test_pausing_makes_no_version(registered):
    running.pause(registered)
    registration.register(registered.pk)
    assert registered.versions.count() == 1


def test_registering_again_sends_what_is_there_already(registered, prefect):
    prefect.calls.clear()
    running.register_again(registered)
    assert registration.register(registered.pk) == "registered"
    assert "upsert_deployment" in prefect.calls


def test_a_run_that_waits_is_cancelled_at_once(registered):
    assert running.cancel(run_now(workflow=registered)).state == "CANCELLED"


def test_a_run_under_way_is_asked_to_stop(registered, prefect):
    run = run_now(workflow=registered)
    prefect.advance(run.pk, "RUNNING")
    assert running.cancel(run).state == "CANCELLING"


def test_a_run_keeps_its_version(registered, save):
    run = run_now(workflow=registered)
    save(definition(2), registered)
    registration.register(registered.pk)
    run.refresh_from_db()
    assert run.version.number == 1
    assert run_now(workflow=registered).version.number == 2


def test_pausing_marks_the_workflow(registered):
    before = RegistrationOutbox.objects.get(pk=registered.pk).generation
    running.pause(registered)
    assert RegistrationOutbox.objects.get(pk=registered.pk).generation == before + 1
