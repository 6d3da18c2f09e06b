"""Pools and their workers, as operators see them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Avg, Count, F, Q
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from workers.advising import advice_on
from workers.capacity import pool_states
from workers.models import Pool
from workers.prefect.current import gateway
from workers.prefect.gateway import PoolStatus
from workers.provisioning import ensure_pool
from workflows.access import require, scope
from workflows.api.fields import StrictSerializer
from workflows.api.pool_answers import (
    DistributionAnswer,
    OverviewAnswer,
    PoolDoneAnswer,
    PoolsAnswer,
    PoolStartedAnswer,
    PoolStatusAnswer,
    utilization,
)
from workflows.api.running import IDEMPOTENCY, started
from workflows.api.views import ApiView
from workflows.models import FAILED_STATES, Registration, Run, RunState, Trigger, Workflow
from workflows.services.running import run_now

#: What is to be done, in the words of the existing system: type and priority.
_ACTS = {
    "start_workers": ("monitor", "high"),
    "scale_up": ("scale_up", "high"),
    "scale_down": ("scale_down", "low"),
}


class Overview(ApiView):
    @extend_schema(operation_id="workers_overview", responses=OverviewAnswer)
    def get(self, request: Request) -> Response:
        """Pools, their workers and their load, as Prefect reports them now."""
        require(request.user, "workers.view_pool")
        pools = list(scope(request.user, Pool.objects.all()))
        capacities = {pool.name: gateway().pool_status(pool.name) for pool in pools}
        workers = [worker for pool in pools for worker in gateway().workers(pool.name)]
        found = {
            "timestamp": timezone.now(),
            "worker_summary": {
                "total_pools": len(pools),
                "total_workers": len(workers),
                "active_workers": sum(worker.is_online for worker in workers),
                "total_capacity": sum(pool.concurrency_limit for pool in pools),
            },
            "work_pools": pools,
            "workers": workers,
            "pool_capacities": capacities,
            "recommendations": [
                advice for pool in pools if (advice := _advice(pool, capacities[pool.name]))
            ],
        }
        return Response(OverviewAnswer(found).data)


class Pools(ApiView):
    @extend_schema(operation_id="pools_list", responses=PoolsAnswer)
    def get(self, request: Request) -> Response:
        """The pools, the least capable first."""
        require(request.user, "workers.view_pool")
        pools = list(scope(request.user, Pool.objects.all()))
        return Response(PoolsAnswer({"work_pools": pools, "total_pools": len(pools)}).data)


class PoolView(ApiView):
    def pool(self, name: str, permission: str) -> Pool:
        row = get_object_or_404(scope(self.request.user, Pool.objects.all()), name=name)
        require(self.request.user, f"workers.{permission}", row)
        return row


class OnePool(PoolView):
    @extend_schema(operation_id="pools_status", responses=PoolStatusAnswer)
    def get(self, request: Request, pool: str) -> Response:
        """A pool's settings, load, workers and runs of one's teams."""
        row = self.pool(pool, "view_pool")
        runs = scope(request.user, Run.objects.filter(pool=row.name).select_related("version"))
        found = {
            "pool_name": row.name,
            "pool_config": _config(row),
            "capacity": gateway().pool_status(row.name),
            "workers": gateway().workers(row.name),
            "recent_runs": runs[:10],
            "performance_metrics": _metrics(runs),
        }
        return Response(PoolStatusAnswer(found, context={"request": request}).data)


class PausePool(PoolView):
    @extend_schema(operation_id="pools_pause", request=None, responses=PoolDoneAnswer)
    def post(self, request: Request, pool: str) -> Response:
        """Running runs finish; queued ones wait."""
        return _set_paused(self.pool(pool, "pause_pool"), True)


class ResumePool(PoolView):
    @extend_schema(operation_id="pools_resume", request=None, responses=PoolDoneAnswer)
    def post(self, request: Request, pool: str) -> Response:
        """Queued runs start, in order."""
        return _set_paused(self.pool(pool, "pause_pool"), False)


def _set_paused(pool: Pool, is_paused: bool) -> Response:
    # Not kept if Prefect does not hear of it.
    with transaction.atomic():
        pool.is_paused = is_paused
        pool.save(update_fields=["is_paused"])
        ensure_pool(pool)
    message = f"pool '{pool.name}' is {'paused' if is_paused else 'active'}"
    body = {"status": "success", "message": message, "pool_name": pool.name}
    return Response(PoolDoneAnswer(body).data)


class PoolExecuteBody(StrictSerializer):
    workflow_id = serializers.UUIDField()
    parameters = serializers.DictField(required=False)
    preferred_pool = serializers.CharField(required=False, default="", allow_blank=True)
    priority = serializers.ChoiceField(
        ["low", "normal", "high"], required=False, default="normal", help_text="Noted only."
    )


class PoolExecute(ApiView):
    @extend_schema(
        operation_id="workers_execute",
        request=PoolExecuteBody,
        responses=PoolStartedAnswer,
        parameters=[IDEMPOTENCY],
    )
    def post(self, request: Request) -> Response:
        """Start a run in a pool with room; 429 when every pool is full."""
        body = self.read(PoolExecuteBody)
        workflow = self.workflow(body["workflow_id"], "run_workflow")
        run = run_now(
            workflow=workflow,
            user=self.author(),
            trigger=Trigger.API,
            parameters=body.get("parameters"),
            idempotency_key=request.headers.get("Idempotency-Key", ""),
            preferred_pool=body["preferred_pool"],
            refuse_when_full=True,
        )
        states = {state.name: state for state in pool_states(workflow.team)}
        capacity = {name: {"active": s.active, "limit": s.limit} for name, s in states.items()}
        answer = {
            **started(run),
            "priority": body["priority"],
            "capacity_at_execution": capacity.get(run.pool, {}),
        }
        return Response(PoolStartedAnswer(answer).data)


class Distribution(ApiView):
    @extend_schema(operation_id="workers_distribution", responses=DistributionAnswer)
    def get(self, request: Request) -> Response:
        """How workflows and the last day's runs are spread over the pools."""
        require(request.user, "workers.view_pool")
        workflows = scope(request.user, Workflow.objects.all())
        registrations = scope(request.user, Registration.objects.all())
        yesterday = timezone.now() - timedelta(days=1)
        runs = scope(request.user, Run.objects.filter(created_at__gte=yesterday))
        found = {
            "total_workflows": workflows.count(),
            "by_pool": _counts(registrations.exclude(pool=""), "pool"),
            "by_status": _counts(registrations, "state"),
            "recent_activity": _counts(runs.exclude(pool=""), "pool"),
        }
        return Response(DistributionAnswer(found).data)


def _counts(queryset: Any, field: str) -> dict[str, int]:
    grouped = queryset.order_by().values(field).annotate(count=Count("pk"))
    return {row[field]: row["count"] for row in grouped.order_by(field)}


def _config(pool: Pool) -> dict[str, Any]:
    names = ("nodes_above", "database_nodes_above", "transforms_above", "rows_above")
    return {
        "type": "process",
        "worker_type": "process",
        "description": pool.description,
        "concurrency_limit": pool.concurrency_limit,
        "memory_limit_mb": pool.memory_limit_mb,
        "tags": [],
        "rule": {name: getattr(pool, name) for name in names if getattr(pool, name) is not None},
    }


def _metrics(runs: Any) -> dict[str, Any]:
    failed = Q(state__in=FAILED_STATES)
    counted = runs.order_by().aggregate(
        total_runs=Count("pk"),
        successful_runs=Count("pk", filter=Q(state=RunState.COMPLETED)),
        failed_runs=Count("pk", filter=failed),
        running_runs=Count("pk", filter=Q(state=RunState.RUNNING)),
        duration=Avg(F("ended_at") - F("started_at")),
    )
    duration = counted.pop("duration")
    ended = counted["successful_runs"] + counted["failed_runs"]
    return {
        **counted,
        "avg_duration_seconds": duration.total_seconds() if duration else None,
        "success_rate": round(100 * counted["successful_runs"] / ended, 1) if ended else None,
    }


def _advice(pool: Pool, status: PoolStatus) -> dict[str, Any] | None:
    """What the pool's page says; nothing where nothing is to be done."""
    advice = advice_on(pool, status.workers_online)
    if advice.act not in _ACTS:
        return None
    kind, priority = _ACTS[advice.act]
    return {
        "type": kind,
        "pool": pool.name,
        "current_utilization": round(100 * utilization(status), 1),
        "message": f"{advice.text} {advice.figures}",
        "priority": priority,
    }
