from __future__ import annotations

import re

import pytest
from django.urls import reverse
from factories import PoolFactory

pytestmark = pytest.mark.django_db

TITLE = r">Pools</a>\s*<span[^>]*>chevron_right</span>\s*<a[^>]*>night-pool</a>"


def test_a_name_stands_in_the_header_as_it_was_given(admin_client):
    pool = PoolFactory(name="night-pool")
    page = admin_client.get(reverse("admin:workers_pool_change", args=[pool.pk]))
    assert re.search(TITLE, page.content.decode())
