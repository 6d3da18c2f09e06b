from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from workers.pages.formats import count, duration, moment


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "\u2013"),
        (0.3402, "340 ms"),
        (4.21, "4.2 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_duration_is_said_in_its_own_unit(seconds, words):
    assert duration(seconds) == words


def test_a_moment_keeps_the_exact_time_under_the_pointer():
    at = timezone.now() - timedelta(minutes=3)
    assert f'title="{at:%Y-%m-%d %H:%M:%S} UTC">3 minutes ago</time>' in moment(at)


def test_rows_are_grouped_by_thousands():
    assert (count(1070), count(None)) == ("1,070", "\u2013")
