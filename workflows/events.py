"""Prefect's event stream: what happens to runs, as it happens.

The protocol is that of Prefect's own subscriber, spoken without importing Prefect.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from workers.prefect.gateway import TaskRun

_FLOW_RUN = "prefect.flow-run."
_TASK_RUN = "prefect.task-run."
#: Events of the time before a connection are sent again.
_OVERLAP = timedelta(minutes=1)


class EventsUnavailable(Exception):
    """The event stream cannot be had."""


@dataclass(frozen=True, slots=True)
class FlowRunChanged:
    """Something happened to a flow run: read it again."""

    flow_run_id: UUID


@dataclass(frozen=True, slots=True)
class TaskRunChanged:
    """A task run as the event tells it, before Prefect's database knows."""

    task_run: TaskRun


Change = FlowRunChanged | TaskRunChanged


class EventStream:
    """A connection to ``/api/events/out``, as a context manager. All raise EventsUnavailable."""

    def __init__(self, api_url: str, auth_string: str = "") -> None:
        self._url = api_url.replace("http", "ws", 1).rstrip("/") + "/events/out"
        self._auth_string = auth_string
        self._socket: ClientConnection | None = None

    def __enter__(self) -> EventStream:
        try:
            self._socket = connect(self._url, subprotocols=[Subprotocol("prefect")])
            self._send({"type": "auth", "token": self._auth_string or None})
            answer = json.loads(self._socket.recv(timeout=10))
            if answer.get("type") != "auth_success":
                raise EventsUnavailable(f"{self._url} refuses the password: {answer}")
            self._send({"type": "filter", "filter": _filter()})
        except (OSError, WebSocketException) as error:
            self.__exit__()
            raise EventsUnavailable(f"{self._url}: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()

    def next_change(self, timeout: float) -> Change | None:
        """The next change, or None if ``timeout`` seconds pass without one."""
        assert self._socket is not None
        try:
            message = json.loads(self._socket.recv(timeout=timeout))
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as error:
            raise EventsUnavailable(f"{self._url}: {error}") from error
        return change_of(message.get("event", {}))

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._socket is not None
        self._socket.send(json.dumps(message))


def change_of(event: Mapping[str, Any]) -> Change | None:
    """What an event says about runs; None for heartbeats and the like."""
    resource = event.get("resource", {})
    resource_id = resource.get("prefect.resource.id", "")
    if not resource.get("prefect.state-type"):
        return None
    if resource_id.startswith(_FLOW_RUN):
        return FlowRunChanged(UUID(resource_id.removeprefix(_FLOW_RUN)))
    flow_run_id = _flow_run_id(event.get("related", ()))
    if resource_id.startswith(_TASK_RUN) and flow_run_id is not None:
        return TaskRunChanged(
            _task_run(event, UUID(resource_id.removeprefix(_TASK_RUN)), flow_run_id)
        )
    return None


def _task_run(event: Mapping[str, Any], task_run_id: UUID, flow_run_id: UUID) -> TaskRun:
    resource, payload = event["resource"], event.get("payload", {})
    task_run = payload.get("task_run", {})
    return TaskRun(
        id=task_run_id,
        flow_run_id=flow_run_id,
        name=resource["prefect.resource.name"],
        state=resource["prefect.state-type"],
        state_name=resource["prefect.state-name"],
        state_at=datetime.fromisoformat(resource["prefect.state-timestamp"] or event["occurred"]),
        message=payload.get("validated_state", {}).get("message") or "",
        attempt=task_run.get("run_count") or 0,
        started_at=_moment(task_run.get("start_time")),
        ended_at=_moment(task_run.get("end_time")),
    )


def _flow_run_id(related: Iterable[Mapping[str, Any]]) -> UUID | None:
    for resource in related:
        resource_id = resource.get("prefect.resource.id", "")
        if resource.get("prefect.resource.role") == "flow-run" and resource_id.startswith(
            _FLOW_RUN
        ):
            return UUID(resource_id.removeprefix(_FLOW_RUN))
    return None


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _filter() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "event": {"prefix": [_FLOW_RUN, _TASK_RUN]},
        "occurred": {
            "since": (now - _OVERLAP).isoformat(),
            "until": (now + timedelta(days=365)).isoformat(),
        },
    }
