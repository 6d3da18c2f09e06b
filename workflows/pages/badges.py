"""How the states of runs and registrations look."""

from __future__ import annotations

from engine.issue import Severity
from workers.pages.badges import PAUSED, UNKNOWN, Badge
from workflows.models import NodeRun, RegistrationState, RunState, Workflow

RUN_BADGES: dict[str, Badge] = {
    RunState.SCHEDULED: Badge("wait", "schedule", "Scheduled"),
    RunState.PENDING: Badge("wait", "hourglass_top", "Pending"),
    RunState.RUNNING: Badge("busy", "progress_activity", "Running"),
    RunState.PAUSED: PAUSED,
    RunState.CANCELLING: Badge("warn", "cancel", "Cancelling"),
    RunState.COMPLETED: Badge("good", "check_circle", "Completed"),
    RunState.FAILED: Badge("bad", "error", "Failed"),
    RunState.CRASHED: Badge("bad", "crisis_alert", "Crashed"),
    RunState.CANCELLED: Badge("idle", "block", "Cancelled"),
    RunState.SKIPPED: Badge("idle", "skip_next", "Skipped"),
}

_REUSED = Badge("good", "recycling", "Reused")

REGISTRATION_BADGES: dict[str, Badge] = {
    RegistrationState.PENDING: Badge("wait", "schedule", "Pending"),
    RegistrationState.REGISTERING: Badge("busy", "progress_activity", "Registering"),
    RegistrationState.REGISTERED: Badge("good", "check_circle", "Registered"),
    RegistrationState.FAILED: Badge("bad", "error", "Failed"),
    RegistrationState.RETRYING: Badge("warn", "sync_problem", "Retrying"),
    RegistrationState.DISABLED: Badge("idle", "block", "Disabled"),
}

SEVERITY_BADGES: dict[str, Badge] = {
    Severity.ERROR: Badge("bad", "error", "Error"),
    Severity.WARNING: Badge("warn", "warning", "Warning"),
}


def run_badge(state: str | None) -> Badge:
    return RUN_BADGES.get(state or "", UNKNOWN)


def node_badge(row: NodeRun, otherwise: Badge) -> Badge:
    """A node that a retry did not run again is as good as completed, and says so."""
    return _REUSED if row.is_reused else RUN_BADGES.get(row.state, otherwise)


def registration_badge(workflow: Workflow) -> Badge:
    """Pending until the first registration has left its row."""
    registration = getattr(workflow, "registration", None)
    state = registration.state if registration else RegistrationState.PENDING
    return REGISTRATION_BADGES.get(state, UNKNOWN)
