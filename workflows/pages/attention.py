"""What somebody should look at: counts that ought to be zero, and where each one leads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from workers.models import Pool, WorkerSeen
from workflows import access
from workflows.models import OPEN_STATES, Registration, RegistrationState, Run, RunState

#: A run this long after its time is late; one this long between two states is stuck.
_LATE_AFTER = timedelta(minutes=1)
_STUCK_AFTER = timedelta(minutes=2)
_IN_BETWEEN = (RunState.PENDING, RunState.CANCELLING)


@dataclass(frozen=True, slots=True)
class Attention:
    title: str
    icon: str
    count: int
    link: str
    calm: str

    @property
    def tone(self) -> str:
        return "bad" if self.count else "good"


def attention(viewer: Any, failed: int) -> list[Attention]:
    """``failed`` = runs that failed or crashed in the last 24 hours."""
    waiting = _open_runs(viewer)
    runs, bad = _list("run"), f"{RunState.FAILED},{RunState.CRASHED}"
    return [
        Attention(
            "Failed in 24 hours", "error", failed, f"{runs}?state__in={bad}", "No run failed"
        ),
        Attention(
            "Stuck",
            "hourglass_disabled",
            waiting["stuck"],
            f"{runs}?state__in={','.join(_IN_BETWEEN)}",
            "No run is stuck",
        ),
        Attention(
            "Late",
            "running_with_errors",
            waiting["late"],
            f"{runs}?state__in={RunState.SCHEDULED}",
            "Every run starts in time",
        ),
        Attention(
            "Pools without a worker",
            "cloud_off",
            _pools_without_worker(viewer),
            reverse("admin:workers_pool_changelist"),
            "Every pool has a worker",
        ),
        Attention(
            "Registrations failed",
            "report",
            _failed_registrations(viewer),
            f"{_list('workflow')}?registration__state__exact={RegistrationState.FAILED}",
            "Every workflow is registered",
        ),
    ]


def _open_runs(viewer: Any) -> dict[str, int]:
    now = timezone.now()
    late = Q(state=RunState.SCHEDULED, expected_at__lt=now - _LATE_AFTER)
    stuck = Q(state__in=_IN_BETWEEN, state_at__lt=now - _STUCK_AFTER)
    rows = access.scope(viewer, Run.objects.filter(state__in=OPEN_STATES))
    return rows.aggregate(late=Count("pk", filter=late), stuck=Count("pk", filter=stuck))


def _pools_without_worker(viewer: Any) -> int:
    online = WorkerSeen.objects.filter(pool=OuterRef("pk"), is_online=True)
    return access.scope(viewer, Pool.objects.filter(~Exists(online))).count()


def _failed_registrations(viewer: Any) -> int:
    failed = Registration.objects.filter(state=RegistrationState.FAILED)
    return access.scope(viewer, failed).count()


def _list(model: str) -> str:
    return reverse(f"admin:workflows_{model}_changelist")
