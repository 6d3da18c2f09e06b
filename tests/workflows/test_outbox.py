from __future__ import annotations

from datetime import timedelta

import pytest
from celery import current_app
from django.core import serializers
from django.db import transaction
from django.utils import timezone
from factories import (
    ConnectionFactory,
    DependencyFactory,
    NodeFactory,
    PoolFactory,
    RegistrationFactory,
    ScheduleFactory,
    TeamFactory,
    WorkflowFactory,
)

from workers.models import PoolAssignment
from workflows import outbox
from workflows.models import Node, Registration, RegistrationOutbox, Workflow


@pytest.fixture
def sent(monkeypatch) -> list[tuple]:
    """Messages to the broker, which is the one thing here that is not there."""
    messages: list[tuple] = []

    def send_task(name, args=(), **_):
        messages.append((name.rpartition(".")[2], *args))

    monkeypatch.setattr(current_app, "send_task", send_task)
    return messages


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def generation(workflow: Workflow) -> int:
    return RegistrationOutbox.objects.get(pk=workflow.pk).generation


@pytest.mark.django_db
def test_many_saves_in_one_commit_send_one_message(sent, committed):
    workflow = WorkflowFactory()
    with committed():
        for _ in range(20):
            NodeFactory(workflow=workflow)
        workflow.save()
    assert sent == [("register", str(workflow.pk))]


@pytest.mark.django_db
def test_each_kind_of_part_marks_its_workflow():
    workflow = WorkflowFactory()
    for make in (
        lambda: NodeFactory(workflow=workflow),
        lambda: ScheduleFactory(workflow=workflow),
        lambda: DependencyFactory(source__workflow=workflow),
    ):
        before = generation(workflow)
        part = make()
        saved = generation(workflow)
        part.delete()
        assert before < saved < generation(workflow)


@pytest.mark.django_db
def test_a_fixture_marks_nothing():
    workflow = WorkflowFactory()
    before = generation(workflow)
    for loaded in serializers.deserialize("json", serializers.serialize("json", [workflow])):
        loaded.save()
    assert generation(workflow) == before


@pytest.mark.django_db
def test_bulk_writes_are_silent_and_therefore_reconciled():
    workflow = WorkflowFactory()
    before = generation(workflow)
    Node.objects.bulk_create([Node(workflow=workflow, key="k", kind="filter")])
    assert generation(workflow) == before


@pytest.mark.django_db
def test_a_deleted_workflow_is_marked_once_and_has_no_registration(sent, committed):
    workflow = WorkflowFactory()
    NodeFactory.create_batch(3, workflow=workflow)
    before, pk = generation(workflow), workflow.pk
    with committed():
        workflow.delete()
    assert RegistrationOutbox.objects.get(pk=pk).generation == before + 1
    assert sent == [("register", str(pk))]
    assert not Registration.objects.filter(pk=pk).exists()


@pytest.mark.django_db
def test_marking_shows_pending_and_keeps_the_last_good_deployment():
    registration = RegistrationFactory(state="failed", reason="cycle", pool="etl-pool", attempts=3)
    Registration.objects.update(state="failed", reason="cycle", pool="etl-pool", attempts=3)
    outbox.mark_dirty(registration.workflow_id)
    registration.refresh_from_db()
    assert (registration.state, registration.reason, registration.attempts) == ("pending", "", 0)
    assert registration.pool == "etl-pool"


@pytest.mark.django_db
def test_a_changed_connection_marks_the_workflows_that_name_it():
    connection = ConnectionFactory(slug="shop")
    user, stranger = WorkflowFactory(team=connection.team), WorkflowFactory(team=connection.team)
    other_team = WorkflowFactory()
    for workflow in (user, other_team):
        NodeFactory(workflow=workflow, config={"connection": "shop"})
    before = {w: generation(w) for w in (user, stranger, other_team)}
    connection.save()
    assert [w for w, old in before.items() if generation(w) > old] == [user]


@pytest.mark.django_db
def test_an_old_copy_of_a_connection_does_not_take_the_revision_back():
    connection = ConnectionFactory()
    old_copy = type(connection).objects.get(pk=connection.pk)
    for _ in range(3):
        connection.save()
    connection.refresh_from_db()
    before = connection.revision
    old_copy.save()
    connection.refresh_from_db()
    assert connection.revision == before + 1


@pytest.mark.django_db
def test_a_new_key_of_a_pool_marks_the_workflows_on_it():
    pool, here, elsewhere = PoolFactory(), WorkflowFactory(), WorkflowFactory()
    PoolAssignment.objects.create(workflow=here, pool=pool, reason="rule")
    before = generation(here), generation(elsewhere)
    pool.public_key = "new"
    pool.save()
    assert (generation(here), generation(elsewhere)) == (before[0] + 1, before[1])


@pytest.mark.django_db
def test_a_new_threshold_marks_every_workflow_and_a_description_none():
    pool, workflow = PoolFactory(), WorkflowFactory()
    before = generation(workflow)
    pool.description = "fast"
    pool.save()
    assert generation(workflow) == before
    pool.nodes_above = 3
    pool.save()
    assert generation(workflow) == before + 1


@pytest.mark.django_db
def test_many_workflows_in_one_commit_wake_one_sweep(sent, committed):
    workflows = WorkflowFactory.create_batch(outbox.WOKEN_ONE_BY_ONE + 1)
    with committed():
        outbox.mark_dirty(*(workflow.pk for workflow in workflows))
    assert sent == [("sweep",)]


@pytest.mark.django_db(transaction=True)
def test_a_rollback_leaves_nothing(sent):
    team = TeamFactory()
    with pytest.raises(RuntimeError), transaction.atomic():
        WorkflowFactory(team=team)
        raise RuntimeError
    assert sent == []
    assert not RegistrationOutbox.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_save_after_a_savepoint_was_rolled_back_still_wakes(sent):
    workflow = WorkflowFactory()
    sent.clear()
    with transaction.atomic():
        with pytest.raises(RuntimeError), transaction.atomic():
            workflow.save()
            raise RuntimeError
        workflow.save()
    assert sent == [("register", str(workflow.pk))]


@pytest.mark.django_db(transaction=True)
def test_without_a_broker_the_save_succeeds_and_the_work_stays_due(monkeypatch):
    def refuse(*args, **kwargs):
        raise ConnectionError

    monkeypatch.setattr(current_app, "send_task", refuse)
    workflow = WorkflowFactory()
    assert outbox.due(10) == [workflow.pk]


@pytest.mark.django_db
def test_only_one_claims():
    workflow = WorkflowFactory()
    assert outbox.claim(workflow.pk) is not None
    assert outbox.claim(workflow.pk) is None


@pytest.mark.django_db
def test_a_lost_lease_is_claimed_again_and_the_loser_records_nothing():
    workflow = WorkflowFactory()
    first = outbox.claim(workflow.pk)
    RegistrationOutbox.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
    second = outbox.claim(workflow.pk)
    assert not first.is_held()
    assert outbox.release(first, is_done=True) is None
    assert second.is_held()


@pytest.mark.django_db
def test_a_failed_try_waits_twice_as_long_each_time_up_to_five_minutes():
    workflow = WorkflowFactory()
    waits = []
    for _ in range(12):
        row = outbox.release(outbox.claim(workflow.pk), is_done=False)
        waits.append((row.next_try_at - timezone.now()).total_seconds())
    assert all(0.4 * 2**n <= wait <= 1.5 * 2**n for n, wait in enumerate(waits[:8], start=1))
    assert max(waits) <= 450
    assert outbox.due(10) == []


@pytest.mark.django_db
def test_a_save_during_the_work_leaves_the_row_due():
    workflow = WorkflowFactory()
    held = outbox.claim(workflow.pk)
    workflow.save()
    outbox.release(held, is_done=True)
    assert outbox.due(10) == [workflow.pk]
