"""What the end of a run tells: a failure, a recovery, a run that took long."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from statistics import median

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from workflows.models import FAILED_STATES, AlertEvent, AlertRule, Run, RunState, Workflow
from workflows.services.alerting.telling import Happening, tell

log = logging.getLogger(__name__)

#: Runs that ended earlier are history that is being rebuilt, and no news.
NEWS = timedelta(hours=1)
_NODE = re.compile(r"^node '(.*?)'", re.DOTALL)
#: A median wants some runs; what is this quick is never slow.
_GOOD_RUNS, _FEWEST_GOOD_RUNS, _QUICK_SECONDS = 20, 3, 10.0


def runs_ended(runs: Sequence[Run]) -> None:
    """Tell of runs that have just ended, in the transaction that notes their end.

    An error here is logged: following runs goes on.
    """
    since = timezone.now() - NEWS
    news = [run for run in runs if run.ended_at and run.ended_at > since]
    if not news:
        return
    try:
        with transaction.atomic():
            for rule, run in _rules_of(news):
                _notice(rule, run)
    except Exception:
        log.exception("alerts about %d runs are lost", len(news))


def slow(rule: AlertRule, run: Run, seconds: float) -> Happening | None:
    """The happening, if ``seconds`` are long for the workflow."""
    usual = usual_seconds(run)
    if usual is None or seconds < max(_QUICK_SECONDS, rule.times_median * usual):
        return None
    return _happening(
        run,
        f"slow:{run.workflow_id}",
        f"'{run.workflow}' takes long",
        f"{seconds:.0f} s; usual are {usual:.0f} s, and {rule.times_median:g} times that is long",
    )


def usual_seconds(run: Run) -> float | None:
    """The median of the last good runs; None before there are some."""
    good = Run.objects.filter(workflow_id=run.workflow_id, state=RunState.COMPLETED)
    times = good.exclude(pk=run.pk).exclude(started_at=None).exclude(ended_at=None)
    seconds = [
        (ended - started).total_seconds()
        for started, ended in times.values_list("started_at", "ended_at")[:_GOOD_RUNS]
        if started and ended
    ]
    return median(seconds) if len(seconds) >= _FEWEST_GOOD_RUNS else None


def _rules_of(runs: Sequence[Run]) -> Iterator[tuple[AlertRule, Run]]:
    workflows = Workflow.objects.in_bulk({run.workflow_id for run in runs})
    events = (AlertEvent.FAILURE, AlertEvent.RECOVERY, AlertEvent.SLOW)
    rules = AlertRule.objects.filter(
        is_active=True, event__in=events, team__in={w.team_id for w in workflows.values()}
    ).select_related("team")
    for rule in rules:
        for run in runs:
            workflow = workflows.get(run.workflow_id)
            if workflow and rule_covers(rule, workflow):
                run.workflow = workflow
                yield rule, run


def rule_covers(rule: AlertRule, workflow: Workflow) -> bool:
    return rule.team_id == workflow.team_id and rule.workflow_id in (None, workflow.pk)


def _notice(rule: AlertRule, run: Run) -> None:
    for happening in _happenings(rule, run):
        tell(rule, happening)


def _happenings(rule: AlertRule, run: Run) -> Iterable[Happening]:
    if rule.event == AlertEvent.FAILURE and run.state in FAILED_STATES:
        yield _failure(run)
    if run.state != RunState.COMPLETED:
        return
    if rule.event == AlertEvent.RECOVERY and _before(run) in FAILED_STATES:
        text = "The run before it failed; this one completed."
        yield _happening(run, f"recovery:{run.workflow_id}", f"'{run.workflow}' works again", text)
    if rule.event == AlertEvent.SLOW and run.duration_seconds is not None:
        found = slow(rule, run, run.duration_seconds)
        if found:
            yield found


def _failure(run: Run) -> Happening:
    """The same node failing with the same code is the same cause."""
    named = _NODE.match(run.message)
    node = named.group(1) if named else ""
    where = f" in node '{node}'" if node else ""
    cause = f"failure:{run.workflow_id}:{node}:{run.error_code}"[:200]
    text = "\n".join(filter(None, (run.error_code, run.message[:2000])))
    return _happening(run, cause, f"'{run.workflow}' failed{where}", text)


def _before(run: Run) -> str:
    """How the run that ended before this one ended; empty if it is the first."""
    earlier = Run.objects.filter(workflow_id=run.workflow_id, ended_at__lt=run.ended_at)
    known = earlier.filter(state__in=(*FAILED_STATES, RunState.COMPLETED)).order_by("-ended_at")
    return known.values_list("state", flat=True).first() or ""


def _happening(run: Run, cause: str, subject: str, text: str) -> Happening:
    link = reverse("admin:workflows_run_change", args=[run.pk])
    return Happening(str(run.pk), cause, subject, text, link)
