"""The first page: what needs attention, then what ran last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from workers.models import Pool, WorkerSeen
from workflows import access
from workflows.models import Registration, RegistrationState, Run, RunState
from workflows.pages.runs import run_lines

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Attention:
    """A count that should be zero, and where to look when it is not."""

    title: str
    count: int
    link: str
    calm: str

    @property
    def tone(self) -> str:
        return "bad" if self.count else "good"


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's dashboard callback."""
    runs = access.scope(request.user, Run.objects.select_related("workflow", "version"))
    return {
        **context,
        "attention": _attention(request.user),
        "runs": run_lines(runs[:_SHOWN]),
        "with_workflow": True,
    }


def _attention(user: Any) -> list[Attention]:
    since = timezone.now() - timedelta(hours=24)
    failing = access.scope(user, Registration.objects.filter(state=RegistrationState.FAILED))
    failed = access.scope(
        user,
        Run.objects.filter(created_at__gte=since, state__in=[RunState.FAILED, RunState.CRASHED]),
    )
    served = WorkerSeen.objects.filter(pool=OuterRef("pk"), is_online=True)
    idle = access.scope(user, Pool.objects.filter(~Exists(served)))
    return [
        Attention(
            "Registrations failed",
            failing.count(),
            f"{_changelist('workflow')}?registration__state__exact={RegistrationState.FAILED}",
            "Every workflow is registered",
        ),
        Attention(
            "Runs failed in 24 hours",
            failed.count(),
            f"{_changelist('run')}?state__exact={RunState.FAILED}",
            "No run failed",
        ),
        Attention(
            "Pools without a worker",
            idle.count(),
            reverse("admin:workers_pool_changelist"),
            "Every pool has a worker",
        ),
    ]


def _changelist(model: str) -> str:
    return reverse(f"admin:workflows_{model}_changelist")
