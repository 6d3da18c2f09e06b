from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from factories import (
    MembershipFactory,
    PoolFactory,
    PoolSampleFactory,
    UserFactory,
    WorkerSeenFactory,
)

from workers.models import Pool
from workers.pages.pools import pool_loads
from workers.prefect.current import use_gateway
from workers.prefect.memory import InMemoryGateway

pytestmark = pytest.mark.django_db

SUBMIT = {"_form_submitted": "on"}


@pytest.fixture(autouse=True)
def static_root(settings):
    """The middleware that serves static files warns of a folder that is not there."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def gateway():
    with use_gateway(InMemoryGateway()) as gateway:
        yield gateway


@pytest.fixture
def pool():
    Pool.objects.all().delete()
    return PoolFactory(name="night-pool", concurrency_limit=4)


def logged_in(**kwargs) -> Client:
    client = Client()
    client.force_login(UserFactory(password=None, is_staff=True, **kwargs))
    return client


@pytest.fixture
def root() -> Client:
    return logged_in(is_superuser=True)


def address(action: str, pool: Pool) -> str:
    return reverse(f"admin:workers_pool_{action}", args=[pool.pk])


def test_a_get_pauses_nothing(root, pool, gateway):
    assert root.get(address("pause", pool)).status_code == 200
    pool.refresh_from_db()
    assert not pool.is_paused
    assert not gateway.calls


def test_pause_and_resume_reach_prefect(root, pool, gateway):
    root.post(address("pause", pool), SUBMIT)
    assert gateway.pools["night-pool"].is_paused
    root.post(address("resume", pool), SUBMIT)
    assert not gateway.pools["night-pool"].is_paused


def test_a_pause_while_prefect_is_away_is_kept_and_said(root, pool, gateway):
    gateway.go_down()
    page = root.post(address("pause", pool), SUBMIT, follow=True).content.decode()
    pool.refresh_from_db()
    assert pool.is_paused
    assert "Prefect does not know yet" in page


def test_an_unknown_pool_answers_404(root, gateway):
    assert root.post("/admin/workers/pool/0/pause/", SUBMIT).status_code == 404


def test_only_who_administers_a_team_may_pause(pool, gateway):
    operator = MembershipFactory(user__password=None, user__is_staff=True, role=20).user
    client = Client()
    client.force_login(operator)
    assert client.post(address("pause", pool), SUBMIT).status_code == 403
    pool.refresh_from_db()
    assert not pool.is_paused


def test_a_changed_limit_reaches_prefect(root, pool, gateway):
    form = {"rank": pool.rank, "concurrency_limit": 9, "memory_limit_mb": 512}
    root.post(reverse("admin:workers_pool_change", args=[pool.pk]), form)
    assert gateway.pools["night-pool"].concurrency_limit == 9


def test_a_load_is_what_was_sampled_last(pool):
    PoolSampleFactory(pool=pool, active=1, taken_at="2026-01-01T00:00:00Z")
    PoolSampleFactory(pool=pool, active=3, queued=2, taken_at="2026-01-02T00:00:00Z")
    WorkerSeenFactory(pool=pool)
    WorkerSeenFactory(pool=pool, is_online=False)
    (load,) = pool_loads(User(is_superuser=True))
    assert (load.active, load.queued, load.workers_online) == (3, 2, 1)
    assert load.used_percent == 75


@pytest.mark.parametrize(
    ("is_paused", "is_online", "word"),
    [(False, True, "Open"), (False, False, "No worker"), (True, True, "Paused")],
)
def test_a_pool_says_whether_it_takes_runs(pool, is_paused, is_online, word):
    Pool.objects.update(is_paused=is_paused)
    WorkerSeenFactory(pool=pool, is_online=is_online)
    (load,) = pool_loads(User(is_superuser=True))
    assert load.badge.word == word


def test_the_list_of_pools_begins_with_their_load(root, pool):
    page = root.get(reverse("admin:workers_pool_changelist")).content.decode()
    assert page.index('id="pool-load"') < page.index('id="result_list"')


def test_the_load_costs_the_same_whatever_the_number_of_pools(pool, django_assert_num_queries):
    PoolFactory.create_batch(5)
    with django_assert_num_queries(2):
        assert len(pool_loads(User(is_superuser=True))) == 6


def test_a_name_stands_in_the_header_as_it_was_given(root, pool):
    page = root.get(address("change", pool)).content.decode()
    parts = r">Pools</a>\s*<span[^>]*>chevron_right</span>\s*<a[^>]*>night-pool</a>"
    assert re.search(parts, page)
