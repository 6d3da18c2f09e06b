from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone
from factories import PoolFactory, PoolSampleFactory

from workers.advising import history
from workers.pages.history import pool_past

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool(redis_server):
    cache.clear()
    return PoolFactory(concurrency_limit=2)


def sample(pool, minutes_ago, **load):
    at = timezone.now() - timedelta(minutes=minutes_ago)
    return PoolSampleFactory(pool=pool, taken_at=at, **load)


def test_shares_are_of_the_samples_of_that_time(pool):
    sample(pool, 10, active=2, queued=3)
    sample(pool, 20, active=1, queued=0)
    sample(pool, 3000, active=2, queued=9)
    seen = history(pool, timezone.now() - timedelta(days=1))
    assert (seen.samples, seen.peak_queued, seen.full_share) == (2, 3, 0.5)
    assert seen.mean_active == 1.5


def test_a_queue_that_came_and_went_is_in_the_chart(pool):
    sample(pool, 60.0, active=2, queued=7)
    sample(pool, 60.2, active=0, queued=0)
    taken, queued = pool_past(pool).day.series
    assert max(value or 0 for value in queued.values) == 7
    assert max(value or 0 for value in taken.values) == 2


def test_what_was_not_sampled_is_unknown_and_not_zero(pool):
    sample(pool, 30, active=1)
    values = pool_past(pool).day.series[0].values
    assert (len(values), values.count(None)) == (96, 95)


def test_the_week_reaches_back_seven_days(pool):
    sample(pool, 6 * 24 * 60, active=2)
    week = pool_past(pool).week
    assert len(week.moments) == 84
    assert max(value or 0 for value in week.series[0].values) == 2
