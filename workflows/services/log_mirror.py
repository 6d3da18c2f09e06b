"""Takes the lines of runs over from Prefect, a page at a time.

Prefect tells lines by the moment they were written; a line may be written down some seconds
after a later one. So each look begins a little before the newest line it knows, and a message
that is there already is passed over.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, transaction
from django.utils import timezone

from workers.prefect.current import gateway
from workers.prefect.gateway import GatewayError
from workers.prefect.gateway import LogLine as Message
from workers.prefect.server import LARGE_PAGE
from workflows.models import LogLine, Run, RunLog

log = logging.getLogger(__name__)

#: What is longer is cut; a row is drawn as one line.
LONGEST_LINE = 4_000
#: So long after its end a run's last lines have come.
COMPLETE_AFTER = timedelta(seconds=15)
_PAGE = LARGE_PAGE
#: New ones of one run before the next has its turn. Those that the overlap shows again do not
#: count: of a log that is written faster than this, a turn would not come beyond them.
_LINES_AT_ONCE = 20_000
#: Lines that tell which runs have news.
_NEWEST = 200
_OVERLAP = timedelta(seconds=3)
#: Logs of runs that nobody looked at while they ran are taken over when somebody does.
_BEGUN_WITHIN = timedelta(hours=1)
_LOOK_SECONDS = 1.0
_LOOK_AT_ALL_SECONDS = 5.0


def follow_logs(stopped: threading.Event) -> None:
    """Until ``stopped``."""
    looked_at_all = float("-inf")
    while not stopped.is_set():
        is_for_all = time.monotonic() - looked_at_all >= _LOOK_AT_ALL_SECONDS
        looked_at_all = time.monotonic() if is_for_all else looked_at_all
        close_old_connections()
        try:
            taken = take_over_news(of_all=is_for_all)
        except (GatewayError, OperationalError, InterfaceError) as error:
            log.warning("logs are not followed: %s", error)
            stopped.wait(_LOOK_AT_ALL_SECONDS)
        else:
            stopped.wait(0 if taken else _LOOK_SECONDS)


def take_over_news(*, of_all: bool = True) -> int:
    """Lines that were new. Without ``of_all`` only of runs of which one question shows some."""
    if of_all:
        begun = Run.objects.filter(created_at__gt=timezone.now() - _BEGUN_WITHIN, log=None)
        for run in begun.exclude(started_at=None):
            want(run)
    wanted = list(RunLog.objects.filter(is_complete=False).select_related("run"))
    return sum(take_over(one) for one in (wanted if of_all else _with_news(wanted)))


def want(run: Run) -> RunLog:
    """See to it that the log of the run is taken over soon, if it is not there."""
    return RunLog.objects.get_or_create(run=run)[0]


def take_over(run_log: RunLog) -> int:
    """Add what is new of one run; returns how many lines that were."""
    before = run_log.lines
    nodes = dict(run_log.run.node_runs.values_list("task_run_id", "node_key"))
    for messages in _pages(run_log):
        _add(run_log, messages, nodes)
        if run_log.is_truncated or run_log.lines - before >= _LINES_AT_ONCE:
            break
    else:
        if run_log.lines == before and _has_ended(run_log.run):
            _complete(run_log, nodes)
    return run_log.lines - before


def _with_news(run_logs: Collection[RunLog]) -> Iterator[RunLog]:
    if not run_logs:
        return
    newest = gateway().logs([one.run_id for one in run_logs], newest_first=True, limit=_NEWEST)
    latest = {message.flow_run_id: message.at for message in reversed(newest)}
    for one in run_logs:
        at = latest.get(one.run_id)
        if at and (one.heard_until is None or at > one.heard_until):
            yield one


def _pages(run_log: RunLog) -> Iterator[Sequence[Message]]:
    """Oldest first; ends with the first page that is not full."""
    since = run_log.heard_until - _OVERLAP if run_log.heard_until else None
    offset = 0
    # Prefect works out the next page while this one is written down.
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(_ask, run_log.run_id, since, offset)
        while len(messages := coming.result()) == _PAGE:
            # By moment, not by offset: Prefect would count its way to every page anew.
            last = messages[-1].at
            since, offset = (last, 0) if last != since else (since, offset + _PAGE)
            coming = ahead.submit(_ask, run_log.run_id, since, offset)
            yield messages
        yield messages


def _ask(run_id: UUID, since: datetime | None, offset: int) -> Sequence[Message]:
    return gateway().logs([run_id], since=since, offset=offset, limit=_PAGE)


@transaction.atomic
def _add(run_log: RunLog, messages: Sequence[Message], nodes: dict[UUID | None, str]) -> None:
    """One writer at a time, so that ids of a run's lines grow in the order they can be seen."""
    if not messages:
        return
    kept = RunLog.objects.select_for_update().get(pk=run_log.pk)
    known = set(
        LogLine.objects.filter(source_id__in=[message.id for message in messages]).values_list(
            "source_id", flat=True
        )
    )
    new = [message for message in messages if message.id not in known]
    rows = [row for message in new for row in _rows(message, nodes)]
    room = settings.FLOWADMIN_LOG_LINES_PER_RUN - kept.lines
    if settings.FLOWADMIN_LOG_LINES_PER_RUN and len(rows) > room:
        rows = rows[:room]
        run_log.is_truncated = run_log.is_complete = True
    LogLine.objects.bulk_create(rows)
    run_log.lines = kept.lines + len(rows)
    moments = [message.at for message in messages]
    run_log.heard_until = max([*moments, *([kept.heard_until] if kept.heard_until else [])])
    run_log.save()


def _rows(message: Message, nodes: dict[UUID | None, str]) -> Iterable[LogLine]:
    for part, text in enumerate(message.message.splitlines() or [""]):
        yield LogLine(
            run_id=message.flow_run_id,
            at=message.at,
            level=message.level,
            node_key=nodes.get(message.task_run_id, "") if message.task_run_id else "",
            task_run_id=message.task_run_id,
            text=_stored(text),
            source_id=message.id,
            part=part,
        )


def _stored(text: str) -> str:
    """Without what PostgreSQL cannot hold, and not too long for a line."""
    clean = text.replace("\x00", "").encode("utf-8", "replace").decode()
    if len(clean) <= LONGEST_LINE:
        return clean
    return f"{clean[:LONGEST_LINE]} … ({len(clean) - LONGEST_LINE:,} more characters were cut)"


def _has_ended(run: Run) -> bool:
    ended = run.ended_at or run.state_at
    return run.is_terminal and ended is not None and ended < timezone.now() - COMPLETE_AFTER


def _complete(run_log: RunLog, nodes: dict[UUID | None, str]) -> None:
    """The last look; a node's task may have become known only after its first lines."""
    nameless = LogLine.objects.filter(run_id=run_log.run_id, node_key="").exclude(task_run_id=None)
    for task_run_id in nameless.values_list("task_run_id", flat=True).distinct():
        if key := nodes.get(task_run_id):
            nameless.filter(task_run_id=task_run_id).update(node_key=key)
    run_log.is_complete = True
    run_log.save(update_fields=["is_complete"])
