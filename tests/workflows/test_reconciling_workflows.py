from __future__ import annotations

from dataclasses import replace

import pytest
from django.core.management import call_command
from factories import NodeFactory, definition

from workflows import registration
from workflows.models import RegistrationOutbox
from workflows.services.reconciling import reconcile

pytestmark = pytest.mark.django_db


def only(prefect):
    (deployment,) = prefect.deployments.values()
    return deployment


def test_where_all_is_well_nothing_is_found(registered, prefect):
    before = dict(prefect.specs)
    found = reconcile()
    assert not (found.missing | found.changed | found.orphaned | found.moved)
    assert (registration.sweep(), prefect.specs) == ([], before)


def test_a_lost_deployment_is_made_again(registered, prefect):
    prefect.deployments.clear()
    assert reconcile().missing == {registered.pk}
    assert registration.sweep() == ["registered"]
    assert only(prefect).name.startswith(f"wf-{registered.pk}")


def test_a_deployment_paused_behind_our_back_fires_again(registered, prefect):
    prefect.set_deployment_paused(only(prefect).id, True)
    reconcile()
    registration.sweep()
    assert not only(prefect).is_paused


def test_a_deployment_without_a_workflow_is_removed(registered, prefect):
    registered.delete()
    RegistrationOutbox.objects.all().delete()
    reconcile()
    assert registration.sweep() == ["removed"]
    assert prefect.deployments == {}


def test_a_second_deployment_of_a_workflow_is_removed(registered, prefect):
    kept = only(prefect)
    spec = replace(prefect.specs[kept.id], name="wf-left-behind@etl-pool", pool="etl-pool")
    prefect.upsert_deployment(spec)
    assert reconcile().superfluous == 1
    assert only(prefect) == kept


def test_a_twin_stays(registered, prefect):
    registration.twin(registered, "etl-pool")
    reconcile()
    assert len(prefect.deployments) == 2


def test_rows_written_in_bulk_are_registered(registered, prefect):
    registered.nodes.filter(key="keep0").update(config={"condition": "amount > 50"})
    assert reconcile().changed == {registered.pk}
    assert registration.sweep() == ["registered"]
    assert prefect.specs[only(prefect).id].version == "2"


def test_workflows_from_a_fixture_are_registered(save):
    workflow = save()
    RegistrationOutbox.objects.all().delete()
    assert reconcile().changed == {workflow.pk}


def test_a_workflow_on_a_fallback_goes_home_when_its_pool_is_back(save, prefect):
    prefect.put_online("default-agent-pool", is_online=False)
    workflow = save()
    registration.register(workflow.pk)
    assert workflow.assignment.reason == "fallback"
    prefect.put_online("default-agent-pool")
    reconcile()
    registration.sweep()
    workflow.assignment.refresh_from_db()
    assert (workflow.assignment.reason, workflow.assignment.pool.name) == (
        "rule",
        "default-agent-pool",
    )


def test_the_command_registers_and_counts(registered, prefect, capsys):
    prefect.deployments.clear()
    call_command("reconcile")
    assert capsys.readouterr().out.startswith("missing 1, orphaned 0")
    assert only(prefect)


def test_a_silent_new_node_is_found(registered):
    node = NodeFactory.build(workflow=registered, key="extra")
    type(node).objects.bulk_create([node])
    assert reconcile().changed == {registered.pk}


def test_a_bad_save_is_not_taken_for_a_silent_change(save):
    workflow = save(definition(dependencies=[]))
    assert registration.register(workflow.pk) == "failed"
    assert reconcile().changed == set()
