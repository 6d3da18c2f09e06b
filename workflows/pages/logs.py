"""What the log viewer asks for: pages of lines as JSON, hits of a search, the whole as text."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from workflows import access
from workflows.models import LogLine, NodeRun, Run, RunLog, Workflow
from workflows.services import auditing, log_mirror, logs

#: Logs of a workflow go so far back unless another time is asked for.
DAYS = 7
LEVELS = [
    (0, "All levels"),
    (logging.INFO, "Info"),
    (logging.WARNING, "Warning"),
    (logging.ERROR, "Error"),
]
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Log:
    """What one viewer looks at: the lines, and what is known of where they come from."""

    owner: Run | Workflow
    lines: logs.Lines
    name: str
    run: RunLog | None = None


def log_viewer(owner: Run | Workflow) -> dict[str, Any]:
    """Context of ``panels/log.html``."""
    prefix = owner._meta.model_name
    address = reverse(f"workflows:{prefix}-log-index", args=[owner.pk])
    return {"log_address": address.removesuffix("index/"), "log_levels": LEVELS}


def workflow_logs(workflow: Workflow) -> dict[str, Any]:
    """Of all its runs, with the nodes it has now to choose from."""
    return {
        **log_viewer(workflow),
        "log_nodes": [(node.key, node.name or node.key) for node in workflow.nodes.all()],
        "log_since": timezone.localtime() - timedelta(days=DAYS),
    }


def _of_log(view: Callable[[HttpRequest, Log], HttpResponseBase]) -> Any:
    """Find the log of the run or the workflow that the address names."""

    @require_GET
    @never_cache
    @login_required
    @wraps(view)
    def found(
        request: HttpRequest, run_id: UUID | None = None, workflow_id: UUID | None = None
    ) -> HttpResponseBase:
        if run_id is not None:
            return view(request, _of_run(request, run_id))
        return view(request, _of_workflow(request, workflow_id))

    return found


def _of_run(request: HttpRequest, run_id: UUID) -> Log:
    run = get_object_or_404(access.scope(request.user, Run.objects.all()), pk=run_id)
    run_log = log_mirror.want(run)
    return Log(run, logs.lines_of_run(run, _wanted(request)), str(run), run_log)


def _of_workflow(request: HttpRequest, workflow_id: UUID | None) -> Log:
    rows = access.scope(request.user, Workflow.objects.all())
    workflow = get_object_or_404(rows, pk=workflow_id)
    since = _moment(request, "since") or timezone.now() - timedelta(days=DAYS)
    lines = logs.lines_of_workflow(workflow, _wanted(request), since, _moment(request, "until"))
    return Log(workflow, lines.select_related("run"), workflow.slug)


def _wanted(request: HttpRequest) -> logs.Wanted:
    node, text = (request.GET.get(name, "").replace("\x00", "") for name in ("node", "text"))
    return logs.Wanted(node, min(_number(request, "level"), 100), text)


@_of_log
def log_index(request: HttpRequest, log: Log) -> HttpResponseBase:
    """How many lines there are, and with which ids their pages begin."""
    found = logs.index(log.lines)
    answer: dict[str, Any] = {"total": found.total, "starts": found.starts, "page": logs.PAGE}
    if log.run:
        answer |= {"complete": log.run.is_complete, "truncated": log.run.is_truncated}
    return JsonResponse(answer)


@_of_log
def log_lines(request: HttpRequest, log: Log) -> HttpResponseBase:
    """A page: [id, moment in milliseconds, level, node, text, run, name of the run] each."""
    start = _number(request, "start")
    names = _node_names(log)
    lines = [_row(line, names) for line in logs.page(log.lines, start)]
    return JsonResponse({"lines": lines})


@_of_log
def log_find(request: HttpRequest, log: Log) -> HttpResponseBase:
    """Where the next line with ``q`` is, after or before a line; or where the line ``line`` is."""
    if line := _number(request, "line"):
        hit = logs.locate(log.lines, log.lines.filter(pk=line).first())
    else:
        text = request.GET.get("q", "").replace("\x00", "")
        after, before = _number(request, "after"), _number(request, "before")
        hit = logs.find(log.lines, text, after=after, before=before) if text else None
    return JsonResponse({"id": hit.id, "position": hit.position} if hit else {})


@_of_log
def log_download(request: HttpRequest, log: Log) -> HttpResponseBase:
    """The chosen lines as text, sent while they are read; the audit log says who took them."""
    auditing.record("log.downloaded", log.owner)
    answer = StreamingHttpResponse(_text(log.lines), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{log.name}.log"'
    return answer


async def _text(lines: logs.Lines) -> AsyncIterator[str]:
    batches = logs.all_lines(lines)
    while batch := await sync_to_async(lambda: next(batches, None))():
        yield "".join(_words(line) for line in batch)


def _words(line: logs.Written) -> str:
    level = logging.getLevelName(line.level)
    return f"{line.at.isoformat()} {level:<8} {line.node_key or '-'} {line.text}\n"


def _row(line: LogLine, names: dict[str, str]) -> list[Any]:
    moment = round(line.at.timestamp() * 1000)
    row = [line.pk, moment, line.level, names.get(line.node_key, line.node_key), line.text]
    return row if names else [*row, str(line.run_id), str(line.run)]


def _node_names(log: Log) -> dict[str, str]:
    """Key → name, of the nodes of a run."""
    if log.run is None:
        return {}
    nodes = NodeRun.objects.filter(run_id=log.run.pk)
    return {key: name or key for key, name in nodes.values_list("node_key", "node_name")} | {"": ""}


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return min(int(text), _LARGEST_ID) if text.isascii() and text.isdecimal() else 0


def _moment(request: HttpRequest, name: str) -> datetime | None:
    """As forms give it, in the viewer's zone, or with a zone of its own."""
    try:
        at = parse_datetime(request.GET.get(name, ""))
    except ValueError:
        return None
    return timezone.make_aware(at) if at and timezone.is_naive(at) else at
