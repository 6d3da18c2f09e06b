"""What is done regularly, whoever keeps the time: Celery's beat, system cron or a person."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from workers.models import PoolSample

_SAMPLES_KEPT = timedelta(days=7)


def prune() -> int:
    """Forget old samples of pools; returns how many."""
    deleted, _ = PoolSample.objects.filter(taken_at__lt=timezone.now() - _SAMPLES_KEPT).delete()
    return deleted
