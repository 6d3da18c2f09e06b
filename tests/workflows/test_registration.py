from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from django.utils import timezone
from factories import PoolFactory, definition

from engine.plan import Plan
from engine.sealing import unseal
from workers.models import Pool
from workers.prefect.gateway import PrefectRefused
from workflows import registration
from workflows.definition import Definition
from workflows.models import Registration, RegistrationOutbox, Run, Workflow
from workflows.services.mirror import apply_flow_run

pytestmark = pytest.mark.django_db


def state(workflow: Workflow) -> Registration:
    return Registration.objects.get(pk=workflow.pk)


def register(workflow: Workflow) -> str:
    return registration.register(workflow.pk)


def cycle() -> Definition:
    """A definition that is stored and cannot run."""
    return definition(
        2,
        dependencies=[
            {"source": "keep0", "target": "keep1"},
            {"source": "keep1", "target": "keep0"},
        ],
    )


def test_a_save_becomes_a_deployment(save, prefect):
    workflow = save(definition(schedules=[{"cron": "0 3 * * *", "timezone": "Europe/Paris"}]))
    assert register(workflow) == "registered"
    (spec,) = prefect.specs.values()
    assert (spec.name, spec.version) == (f"wf-{workflow.pk}@default-agent-pool", "1")
    assert spec.tags == ("flowadmin", f"workflow:{workflow.pk}", f"team:{workflow.team.slug}")
    assert (spec.schedules[0].cron, spec.schedules[0].timezone) == ("0 3 * * *", "Europe/Paris")
    assert [step["key"] for step in spec.parameters["plan"]["steps"]] == ["read", "keep0", "write"]
    assert state(workflow).state == "registered"
    assert state(workflow).deployment_id in prefect.deployments


def test_registering_makes_one_change_in_prefect(save, prefect):
    register(save())
    assert [call for call in prefect.calls if call != "pool_status"] == ["upsert_deployment"]


def test_there_is_nothing_to_do_twice(save):
    workflow = save()
    assert [register(workflow), register(workflow)] == ["registered", "noop"]


def test_an_unchanged_save_calls_nobody(save, prefect):
    workflow = save()
    register(workflow)
    prefect.calls.clear()
    save(definition(), workflow)
    assert register(workflow) == "unchanged"
    assert "upsert_deployment" not in prefect.calls


def test_secrets_travel_sealed_to_the_pool(save, shop, prefect, pool_keys):
    register(save())
    (spec,) = prefect.specs.values()
    carried = Plan.model_validate(spec.parameters["plan"]).connections["shop"]
    secrets = unseal(pool_keys["default-agent-pool"], carried.sealed)
    assert secrets == shop.secrets
    assert "password" not in carried.options


def test_a_changed_secret_is_registered_again(save, shop, prefect):
    workflow = save()
    register(workflow)
    shop.secrets = {"password": "another"}
    shop.save()
    assert register(workflow) == "registered"


def test_a_new_pool_key_is_registered_again(save, pools):
    workflow = save()
    register(workflow)
    pool = Pool.objects.get(name="default-agent-pool")
    pool.public_key = Pool.objects.get(name="etl-pool").public_key
    pool.save()
    assert register(workflow) == "registered"


def test_a_pool_without_a_key_is_named(save):
    Pool.objects.update(public_key="")
    workflow = save()
    assert register(workflow) == "failed"
    assert "pool 'default-agent-pool' has no key" in state(workflow).reason


def test_a_bad_save_leaves_the_last_good_deployment(save, prefect):
    workflow = save()
    register(workflow)
    good = dict(prefect.specs)
    save(cycle(), workflow)
    assert register(workflow) == "failed"
    assert prefect.specs == good
    now = state(workflow)
    assert (now.state, now.version.number) == ("failed", 1)
    assert "cycle" in {issue["code"] for issue in now.issues}
    assert now.reason.endswith("(and 2 more)")


def test_a_bad_save_can_still_be_paused(save, prefect):
    workflow = save()
    register(workflow)
    save(cycle(), workflow)
    Workflow.objects.update(is_paused=True)
    register(workflow)
    assert [deployment.is_paused for deployment in prefect.deployments.values()] == [True]


def test_mending_a_bad_save_registers_it(save):
    workflow = save(cycle())
    assert register(workflow) == "failed"
    save(definition(), workflow)
    assert register(workflow) == "registered"
    assert state(workflow).issues == []


def test_a_missing_table_is_a_warning_and_is_registered(save, shop_url):
    with psycopg.connect(shop_url) as connection:
        connection.execute("drop table orders")
    workflow = save()
    assert register(workflow) == "registered"
    (issue,) = state(workflow).issues
    assert (issue["code"], issue["node"], issue["field"]) == ("table_not_found", "read", "table")


def test_a_new_column_is_seen_although_the_old_ones_are_remembered(save, shop_url):
    workflow = save()
    register(workflow)
    with psycopg.connect(shop_url) as connection:
        connection.execute("alter table orders add region text")
    nodes = [node.model_dump() for node in definition().nodes]
    nodes[1]["config"]["condition"] = "region = 'EU'"
    save(definition(nodes=nodes), workflow)
    assert register(workflow) == "registered"


def test_while_prefect_is_away_nothing_is_lost(save, prefect):
    workflow = save()
    prefect.go_down()
    assert register(workflow) == "retrying"
    now = state(workflow)
    assert (now.state, now.attempts) == ("retrying", 1)
    assert now.next_try_at > timezone.now()
    assert registration.sweep() == []
    prefect.come_back()
    RegistrationOutbox.objects.update(next_try_at=timezone.now())
    assert registration.sweep() == ["registered"]
    assert (state(workflow).state, state(workflow).attempts) == ("registered", 0)


def test_a_refusal_is_not_tried_again_and_says_why(save, prefect, monkeypatch):
    def refuse(self, spec):
        raise PrefectRefused("parameters too large")

    monkeypatch.setattr(type(prefect), "upsert_deployment", refuse)
    workflow = save()
    assert register(workflow) == "failed"
    assert "parameters too large" in state(workflow).reason
    assert registration.sweep() == []


def test_a_pool_that_prefect_lost_is_made_again(save, prefect):
    workflow = save()
    prefect.pools.clear()
    assert register(workflow) == "retrying"
    RegistrationOutbox.objects.update(next_try_at=timezone.now())
    assert registration.sweep() == ["registered"]


def test_a_fault_of_our_own_is_tried_again(save, monkeypatch):
    workflow = save()
    monkeypatch.setattr(registration, "deploy", lambda *_: 1 / 0)
    assert register(workflow) == "retrying"
    assert "division by zero" in state(workflow).reason


def test_a_save_during_registration_is_registered_too(save, prefect, monkeypatch):
    workflow = save()
    upsert = type(prefect).upsert_deployment

    def save_meanwhile(self, spec):
        if spec.version == "1":
            save(definition(2), workflow)
        return upsert(self, spec)

    monkeypatch.setattr(type(prefect), "upsert_deployment", save_meanwhile)
    assert register(workflow) == "registered"
    (spec,) = prefect.specs.values()
    assert spec.version == "2"
    assert state(workflow).state == "registered"


def test_who_lost_the_lease_changes_nothing(save, prefect, monkeypatch):
    workflow = save()
    compile_now = registration.deploy.__globals__["compile_now"]

    def lose_lease(*args):
        RegistrationOutbox.objects.update(locked_until=timezone.now() + timedelta(hours=1))
        return compile_now(*args)

    monkeypatch.setitem(registration.deploy.__globals__, "compile_now", lose_lease)
    assert register(workflow) == "noop"
    assert prefect.deployments == {}


def test_a_move_to_another_pool_removes_the_old_deployment(save, prefect):
    workflow = save()
    register(workflow)
    save(definition(preferred_pool="etl-pool", schedules=[{"cron": "0 3 * * *"}]), workflow)
    register(workflow)
    (spec,) = prefect.specs.values()
    assert (spec.pool, len(spec.schedules)) == ("etl-pool", 1)
    assert workflow.assignment.reason == "manual"


def test_on_a_move_two_deployments_never_fire(save, prefect, monkeypatch):
    workflow = save(definition(schedules=[{"cron": "0 3 * * *"}]))
    register(workflow)
    delete, firing = type(prefect).delete_deployment, []

    def count_firing(self, deployment_id):
        firing.append(sum(bool(spec.schedules) for spec in self.specs.values()))
        delete(self, deployment_id)

    monkeypatch.setattr(type(prefect), "delete_deployment", count_firing)
    given = definition(preferred_pool="etl-pool", schedules=[{"cron": "0 3 * * *"}])
    save(given, workflow)
    register(workflow)
    assert firing == [1]


def test_a_move_keeps_the_old_deployment_for_a_run_that_waits(save, prefect):
    workflow = save()
    register(workflow)
    (deployment,) = prefect.deployments.values()
    apply_flow_run(prefect.create_run(deployment.id))
    save(definition(preferred_pool="etl-pool"), workflow)
    register(workflow)
    assert prefect.deployments[deployment.id].is_paused
    Run.objects.update(state="COMPLETED")


def test_a_disabled_workflow_has_no_deployment_and_may_come_back(save, prefect):
    workflow = save()
    register(workflow)
    row = Workflow.objects.get(pk=workflow.pk)
    row.is_enabled = False
    row.save()
    assert register(workflow) == "disabled"
    assert (prefect.deployments, state(workflow).deployment_id) == ({}, None)
    row.is_enabled = True
    row.save()
    assert register(workflow) == "registered"


def test_a_deleted_workflow_leaves_nothing(save, prefect):
    workflow = save()
    register(workflow)
    pk = workflow.pk
    registration.twin(Workflow.objects.get(pk=pk), "etl-pool")
    workflow.delete()
    assert registration.register(pk) == "removed"
    assert prefect.deployments == {}
    assert not RegistrationOutbox.objects.exists()


def test_a_full_pool_does_not_move_a_workflow(save, prefect):
    workflow = save()
    register(workflow)
    (deployment,) = prefect.deployments.values()
    for _ in range(5):
        prefect.advance(prefect.create_run(deployment.id).id, "RUNNING")
    save(definition(2), workflow)
    register(workflow)
    assert workflow.assignment.pool.name == "default-agent-pool"
    assert workflow.assignment.receipt["capacity"]["default-agent-pool"]["active"] == 5


def test_many_transforms_belong_to_the_etl_pool_and_the_receipt_says_so(save):
    workflow = save(definition(5))
    register(workflow)
    assert workflow.assignment.pool.name == "etl-pool"
    assert "5 transforms" in workflow.assignment.receipt["summary"]


def test_a_twin_has_no_schedules_and_is_made_once(save, prefect):
    workflow = save(definition(schedules=[{"cron": "0 3 * * *"}]))
    register(workflow)
    made = registration.twin(workflow, "etl-pool")
    prefect.calls.clear()
    assert registration.twin(workflow, "etl-pool").id == made.id
    assert prefect.calls == []
    assert prefect.specs[made.id].schedules == ()
    assert "twin" in prefect.specs[made.id].tags


def test_a_twin_follows_the_workflow(save, prefect):
    workflow = save()
    register(workflow)
    registration.twin(workflow, "etl-pool")
    save(definition(2), workflow)
    register(workflow)
    assert prefect.specs[registration.twin(workflow, "etl-pool").id].version == "2"


def test_a_row_beyond_what_runs_can_hold_is_an_issue(save):
    workflow = save()
    workflow.nodes.update(retries=99)
    registration.mark_dirty(workflow.pk)
    assert register(workflow) == "failed"
    assert "definition_invalid" in state(workflow).reason


def test_a_pool_may_be_smaller_than_any_rule(save, prefect):
    PoolFactory(name="spare", rank=999)
    assert register(save()) == "registered"
