"""What is told of pools and workers, under the keys of the existing system."""

from __future__ import annotations

from rest_framework import serializers

from workers.prefect.gateway import PoolStatus, Worker
from workflows.api.answers import Answer, RunAnswer, StartedAnswer


def utilization(pool: PoolStatus) -> float:
    """The part of its slots that is taken; more than 1 when the limit was lowered."""
    return pool.active / pool.concurrency_limit if pool.concurrency_limit else 0.0


class PoolAnswer(Answer):
    name = serializers.CharField()
    type = serializers.CharField(default="process")
    is_paused = serializers.BooleanField()
    concurrency_limit = serializers.IntegerField()
    description = serializers.CharField()


class WorkerAnswer(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    work_pool_name = serializers.CharField(source="pool")
    status = serializers.SerializerMethodField()
    last_heartbeat = serializers.DateTimeField(source="last_heartbeat_at", allow_null=True)
    heartbeat_interval = serializers.FloatField(
        source="heartbeat_interval_seconds", allow_null=True
    )

    def get_status(self, worker: Worker) -> str:
        return "ONLINE" if worker.is_online else "OFFLINE"


class CapacityAnswer(Answer):
    pool_name = serializers.CharField(source="name")
    concurrency_limit = serializers.IntegerField(allow_null=True)
    active_runs = serializers.IntegerField(source="active")
    queued_runs = serializers.IntegerField(source="queued")
    available_capacity = serializers.SerializerMethodField()
    utilization_percent = serializers.SerializerMethodField()
    workers_online = serializers.IntegerField()
    is_paused = serializers.BooleanField()

    def get_available_capacity(self, pool: PoolStatus) -> int | None:
        limit = pool.concurrency_limit
        return None if limit is None else max(0, limit - pool.active)

    def get_utilization_percent(self, pool: PoolStatus) -> float:
        return round(100 * utilization(pool), 1)


class RecommendationAnswer(Answer):
    type = serializers.ChoiceField(["scale_up", "scale_down", "monitor"])
    pool = serializers.CharField()
    current_utilization = serializers.FloatField(help_text="Percent of its slots.")
    message = serializers.CharField()
    priority = serializers.ChoiceField(["low", "medium", "high"])


class WorkerSummaryAnswer(Answer):
    total_pools = serializers.IntegerField()
    total_workers = serializers.IntegerField()
    active_workers = serializers.IntegerField()
    total_capacity = serializers.IntegerField()


class OverviewAnswer(Answer):
    timestamp = serializers.DateTimeField()
    worker_summary = WorkerSummaryAnswer()
    work_pools = PoolAnswer(many=True)
    workers = WorkerAnswer(many=True)
    pool_capacities = serializers.DictField(child=CapacityAnswer())
    recommendations = RecommendationAnswer(many=True)


class PoolsAnswer(Answer):
    work_pools = PoolAnswer(many=True)
    total_pools = serializers.IntegerField()


class MetricsAnswer(Answer):
    avg_duration_seconds = serializers.FloatField(allow_null=True)
    success_rate = serializers.FloatField(allow_null=True, help_text="Percent of ended runs.")
    total_runs = serializers.IntegerField()
    successful_runs = serializers.IntegerField()
    failed_runs = serializers.IntegerField()
    running_runs = serializers.IntegerField()


class PoolStatusAnswer(Answer):
    pool_name = serializers.CharField()
    pool_config = serializers.DictField()
    capacity = CapacityAnswer()
    workers = WorkerAnswer(many=True)
    recent_runs = RunAnswer(many=True)
    performance_metrics = MetricsAnswer()


class PoolDoneAnswer(Answer):
    status = serializers.CharField()
    message = serializers.CharField()
    pool_name = serializers.CharField()


class DistributionAnswer(Answer):
    total_workflows = serializers.IntegerField()
    by_pool = serializers.DictField(child=serializers.IntegerField())
    by_status = serializers.DictField(child=serializers.IntegerField())
    recent_activity = serializers.DictField(
        child=serializers.IntegerField(), help_text="Runs of the last day, by pool."
    )


class PoolStartedAnswer(StartedAnswer):
    priority = serializers.CharField()
    capacity_at_execution = serializers.DictField()
