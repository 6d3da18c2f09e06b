from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from factories import (
    AlertDeliveryFactory,
    RunFactory,
    WorkflowFactory,
)

from workers.prefect.gateway import PrefectUnreachable
from workflows.models import (
    AlertDelivery,
    AuditEntry,
    LogLine,
    NodeRun,
    RetentionPolicy,
    Run,
    RunState,
)
from workflows.services.retaining.pruning import prune

pytestmark = pytest.mark.django_db


def kept() -> set[UUID]:
    return set(Run.objects.values_list("pk", flat=True))


def test_old_runs_go_with_their_nodes_and_from_prefect_too(run, workflow, policy, prefect):
    new, old = run(workflow, 1), run(workflow, 30)
    prefect.flow_runs[old] = object()
    assert prune() == {"runs": 1}
    assert kept() == {new}
    assert old not in prefect.flow_runs
    assert not NodeRun.objects.filter(run_id=old).exists()


def test_the_last_good_run_stays_however_old_and_so_do_the_newest(run, workflow, policy):
    good = run(workflow, 300)
    run(workflow, 200, RunState.FAILED)
    newest = run(workflow, 100, RunState.FAILED)
    prune()
    assert kept() == {good, newest}


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.SCHEDULED])
def test_a_run_that_has_not_ended_stays(run, workflow, policy, state):
    run(workflow, 1)
    open_run = run(workflow, 300, state)
    prune()
    assert open_run in kept()


def test_each_workflow_keeps_its_own(run, workflow, policy):
    other = WorkflowFactory(team=workflow.team)
    mine, theirs = run(workflow, 100), run(other, 100)
    prune()
    assert kept() == {mine, theirs}


def test_a_team_without_a_policy_goes_by_the_default(run, workflow, prefect):
    new, old = run(workflow, 1), run(workflow, 100)
    RetentionPolicy.objects.create(team=None, run_days=200, runs_kept=1)
    assert prune() == {}
    RetentionPolicy.objects.update(run_days=50)
    assert prune() == {"runs": 1}
    assert kept() == {new}
    assert old not in kept()


def test_what_prefect_does_not_forget_stays_with_us_too(run, workflow, policy, prefect):
    run(workflow, 1)
    old = run(workflow, 100)
    prefect.go_down()
    with pytest.raises(PrefectUnreachable):
        prune()
    assert old in kept()


def test_lines_of_logs_go_before_their_run_does(run, workflow, policy):
    policy.log_days = 5
    policy.save()
    of_run = Run.objects.get(pk=run(workflow, 1))
    for number, days in enumerate((1, 6)):
        at = timezone.now() - timedelta(days=days)
        LogLine.objects.create(run=of_run, at=at, level=20, text=str(number), source_id=uuid4())
    assert prune() == {"log lines": 1}
    assert LogLine.objects.get().text == "0"


def test_messages_that_were_sent_go_and_waiting_ones_stay(workflow, policy):
    for state in ("sent", "failed", "waiting"):
        AlertDeliveryFactory(channel__team=workflow.team, state=state)
    AlertDelivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert prune() == {"alert messages": 2}
    assert AlertDelivery.objects.get().state == "waiting"


def test_audit_entries_go_by_the_policy_of_their_team_or_the_default(workflow, policy):
    policy.audit_days = 10
    policy.save()
    AuditEntry.objects.all().delete()
    AuditEntry.objects.write("workflow.run", workflow)
    AuditEntry.objects.write("user.login")
    AuditEntry.objects.update(at=timezone.now() - timedelta(days=100))
    assert prune() == {"audit entries": 1}
    assert set(AuditEntry.objects.values_list("event", flat=True)) == {
        "user.login",
        "retention.pruned",
    }


def test_a_round_ends_at_its_limit_and_the_next_one_goes_on(workflow, policy):
    for days in range(1, 251):
        RunFactory(
            workflow=workflow,
            state=RunState.FAILED,
            created_at=timezone.now() - timedelta(days=days + 100),
            ended_at=timezone.now() - timedelta(days=days + 100),
        )
    assert prune(limit=100) == {"runs": 100}
    assert prune() == {"runs": 149}
