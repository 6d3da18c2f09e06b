"""Prefect's JSON ↔ the gateway's records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from engine.plan import Schedule
from workers.prefect.gateway import Deployment, DeploymentSpec, FlowRun, LogLine, TaskRun, Worker

FLOW_NAME = "run-workflow"
ENTRYPOINT = "engine.flow.run_workflow"
#: A fixed origin: registering again must not shift the beat of an interval.
INTERVAL_ORIGIN = "2020-01-01T00:00:00"

Json = Mapping[str, Any]


def deployment_body(spec: DeploymentSpec, flow_id: str) -> dict[str, Any]:
    """The upsert of a deployment; names every field, since what is left out keeps its old value."""
    return {
        "name": spec.name,
        "flow_id": flow_id,
        "paused": spec.is_paused,
        "schedules": [schedule_body(schedule) for schedule in spec.schedules],
        "concurrency_limit": spec.concurrency_limit,
        "concurrency_options": {"collision_strategy": spec.overlap},
        "enforce_parameter_schema": False,
        "parameters": dict(spec.parameters),
        "tags": list(spec.tags),
        "pull_steps": [],
        "work_pool_name": spec.pool,
        "work_queue_name": "default",
        "description": spec.description,
        "version": spec.version,
        "entrypoint": ENTRYPOINT,
        "path": None,
        "job_variables": {},
    }


def schedule_body(schedule: Schedule) -> dict[str, Any]:
    return {
        "slug": schedule.slug,
        "active": schedule.is_active,
        "schedule": _recurrence(schedule),
        # Prefect plans at least an hour ahead whatever this says.
        "max_scheduled_runs": None,
    }


def _recurrence(schedule: Schedule) -> dict[str, Any]:
    if schedule.run_at is not None:
        moment = moment_of(schedule)
        rule = f"DTSTART:{moment:%Y%m%dT%H%M%S}\nRRULE:FREQ=DAILY;COUNT=1"
        return {"rrule": rule, "timezone": "UTC"}
    if schedule.interval_seconds is not None:
        origin = datetime.fromisoformat(INTERVAL_ORIGIN).replace(tzinfo=ZoneInfo(schedule.timezone))
        return {
            "interval": schedule.interval_seconds,
            "anchor_date": origin.isoformat(),
            "timezone": schedule.timezone,
        }
    return {"cron": schedule.cron, "timezone": schedule.timezone, "day_or": True}


def moment_of(schedule: Schedule) -> datetime:
    """The one moment of a schedule, in UTC, where no hour is missing or comes twice.

    Without an offset it is read in the schedule's time zone.
    """
    assert schedule.run_at is not None
    moment = schedule.run_at
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(schedule.timezone))
    return moment.astimezone(UTC)


def deployment_of(body: Json) -> Deployment:
    return Deployment(
        id=UUID(body["id"]),
        name=body["name"],
        pool=body.get("work_pool_name") or "",
        is_paused=body["paused"],
        tags=tuple(body.get("tags") or ()),
    )


def flow_run_of(body: Json) -> FlowRun:
    state = _state(body)
    parameters = body.get("parameters") or {}
    return FlowRun(
        id=UUID(body["id"]),
        name=body["name"],
        deployment_id=_uuid(body.get("deployment_id")),
        state=state["type"],
        state_name=state["name"],
        state_at=state["at"],
        message=state["message"],
        created_at=_moment(body["created"]),
        expected_at=_moment_or_none(body.get("expected_start_time")),
        started_at=_moment_or_none(body.get("start_time")),
        ended_at=_moment_or_none(body.get("end_time")),
        pool=body.get("work_pool_name") or "",
        is_scheduled=bool(body.get("auto_scheduled")),
        version=body.get("deployment_version") or "",
        parameters={name: value for name, value in parameters.items() if name != "plan"},
        tags=tuple(body.get("tags") or ()),
    )


def task_run_of(body: Json) -> TaskRun:
    state = _state(body)
    return TaskRun(
        id=UUID(body["id"]),
        flow_run_id=UUID(body["flow_run_id"]),
        name=body["name"],
        state=state["type"],
        state_name=state["name"],
        state_at=state["at"],
        message=state["message"],
        attempt=body.get("run_count") or 0,
        started_at=_moment_or_none(body.get("start_time")),
        ended_at=_moment_or_none(body.get("end_time")),
    )


def log_line_of(body: Json) -> LogLine:
    return LogLine(
        id=UUID(body["id"]),
        at=_moment(body["timestamp"]),
        level=body["level"],
        message=body["message"],
        flow_run_id=UUID(body["flow_run_id"]),
        task_run_id=_uuid(body.get("task_run_id")),
    )


def worker_of(body: Json, pool: str) -> Worker:
    return Worker(
        id=UUID(body["id"]),
        name=body["name"],
        pool=pool,
        is_online=body.get("status") == "ONLINE",
        last_heartbeat_at=_moment_or_none(body.get("last_heartbeat_time")),
        heartbeat_interval_seconds=body.get("heartbeat_interval_seconds"),
    )


def _state(body: Json) -> dict[str, Any]:
    """A run's state; one that has none yet counts as scheduled since it was made."""
    state = body.get("state") or {}
    return {
        "type": state.get("type") or "SCHEDULED",
        "name": state.get("name") or "Scheduled",
        "at": _moment(state.get("timestamp") or body["created"]),
        "message": state.get("message") or "",
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _moment_or_none(text: str | None) -> datetime | None:
    return None if text is None else _moment(text)


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
