from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone
from factories import PoolFactory

from workers.models import PoolSample
from workers.pages.sparkline import last_day

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered(redis_server):
    cache.clear()


def sample(pool, active, ago=timedelta(0)):
    at = timezone.now() - ago
    PoolSample.objects.create(pool=pool, taken_at=at, active=active, queued=0, workers_online=1)


def test_a_bar_is_the_highest_share_of_its_half_hour():
    pool = PoolFactory(concurrency_limit=4)
    sample(pool, 1)
    sample(pool, 3)
    assert last_day([pool])[pool.pk].shares[-1] == 0.75


def test_a_half_hour_without_a_sample_has_no_bar():
    pool = PoolFactory(concurrency_limit=4)
    sample(pool, 2)
    day = last_day([pool])[pool.pk]
    assert len(day.shares) == 48
    assert day.path.count("M") == 1


def test_each_pool_has_its_own_day():
    one, other = PoolFactory.create_batch(2, concurrency_limit=2)
    sample(one, 2)
    days = last_day([one, other])
    assert "at most 100 % of the slots taken" in days[one.pk].words
    assert days[other.pk].words == "No sample in 24 hours"


def test_what_is_older_than_a_day_is_not_drawn():
    pool = PoolFactory()
    sample(pool, 2, ago=timedelta(hours=25))
    assert not last_day([pool])[pool.pk].path
