"""Previews of the samples over HTTP: rows at their nodes, and what their targets would do.

Warm is as an editor asks, one after the other; the first is that of a fresh start; cold is the
first one after the process that makes previews was killed.
"""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx

from benchmarks.result import Result, p95
from benchmarks.stack import processes_below, running_stack

_TARGET_S = 2.0
_WARM, _COLD = 40, 8
#: Nodes of a sample that are asked for: the first, one in the middle, the last.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Question:
    path: str
    node: str
    definition: dict[str, Any]


def measure() -> Iterator[Result]:
    with running_stack(), _client() as client:
        questions = list(_questions())
        yield Result.at_most("first", "s", _seconds(client, questions[0], {}), "s", _TARGET_S)
        cold = [_cold(client, question) for question in islice(cycle(questions), _COLD)]
        yield from _results("saved, cold", cold)
        asked = list(islice(cycle(questions), _WARM))
        yield from _results("saved, warm", [_seconds(client, q, {}) for q in asked])
        unsaved = [_seconds(client, q, {"definition": q.definition}) for q in asked]
        yield from _results("not saved, warm", unsaved)


def _results(case: str, seconds: Sequence[float]) -> Iterator[Result]:
    yield Result(case, "p50_s", statistics.median(seconds), "s")
    yield Result.at_most(case, "p95_s", p95(seconds), "s", _TARGET_S)


def _questions() -> Iterator[_Question]:
    from workflows.models import Workflow
    from workflows.services.editing import definition_of

    for workflow in Workflow.objects.order_by("name"):
        definition = definition_of(workflow)
        keys = [node.key for node in definition.nodes]
        for place in range(_SHOWN):
            key = keys[place * (len(keys) - 1) // (_SHOWN - 1)]
            path = f"workflows/{workflow.pk}/preview"
            yield _Question(path, key, definition.model_dump(mode="json"))


def _client() -> httpx.Client:
    from workflows.models import Role, Team
    from workflows.services import tokens

    _, plain = tokens.create(team=Team.objects.get(slug="default"), name="b", role=Role.EDITOR)
    url = f"http://127.0.0.1:{os.environ['FLOWADMIN_WEB_PORT']}/api/v1/"
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {plain}"}, timeout=60)


def _cold(client: httpx.Client, question: _Question) -> float:
    for pid in processes_below(os.getpid()):
        with suppress(OSError):
            if b"engine.previews.previewer" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
    return _seconds(client, question, {})


def _seconds(client: httpx.Client, question: _Question, more: dict[str, Any]) -> float:
    started = time.perf_counter()
    answer = client.post(question.path, json={"node": question.node, **more})
    if not answer.is_success:
        raise RuntimeError(f"no preview of '{question.node}': {answer.text}")
    return time.perf_counter() - started
