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
from workflows.models import (
    FAILED_STATES,
    OPEN_STATES,
    Registration,
    RegistrationState,
    Run,
    RunState,
)

#: A run this long after its time is late; one this long between two states is stuck.
_LATE_AFTER = timedelta(minutes=1)
_STUCK_AFTER = timedelta(minutes=2)
_FAILED_WITHIN = timedelta(hours=24)
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


def attention(viewer: Any) -> list[Attention]:
    found = _count_runs(viewer)
    runs = _list("run")
    return [
        Attention(
            "Failed in 24 hours",
            "error",
            found["failed"],
            f"{runs}?state__in={','.join(FAILED_STATES)}",
            "No run failed",
        ),
        Attention(
            "Stuck",
            "hourglass_disabled",
            found["stuck"],
            f"{runs}?state__in={','.join(_IN_BETWEEN)}",
            "No run is stuck",
        ),
        Attention(
            "Late",
            "running_with_errors",
            found["late"],
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


def _count_runs(viewer: Any) -> dict[str, int]:
    now = timezone.now()
    failed = Q(state__in=FAILED_STATES, created_at__gte=now - _FAILED_WITHIN)
    late = Q(state=RunState.SCHEDULED, expected_at__lt=now - _LATE_AFTER)
    stuck = Q(state__in=_IN_BETWEEN, state_at__lt=now - _STUCK_AFTER)
    rows = access.scope(viewer, Run.objects.filter(Q(state__in=OPEN_STATES) | failed))
    return rows.order_by().aggregate(
        failed=Count("pk", filter=failed),
        late=Count("pk", filter=late),
        stuck=Count("pk", filter=stuck),
    )


def _pools_without_worker(viewer: Any) -> int:
    online = WorkerSeen.objects.filter(pool=OuterRef("pk"), is_online=True)
    return access.scope(viewer, Pool.objects.filter(~Exists(online))).count()


def _failed_registrations(viewer: Any) -> int:
    failed = Registration.objects.filter(state=RegistrationState.FAILED)
    return access.scope(viewer, failed).count()


def _list(model: str) -> str:
    return reverse(f"admin:workflows_{model}_changelist")
