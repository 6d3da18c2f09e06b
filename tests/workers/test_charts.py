from __future__ import annotations

import json
from datetime import UTC, datetime

from workers.pages.charts import Chart, Series

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)


def chart(*values: float | None) -> Chart:
    moments = tuple(NOON.replace(hour=hour) for hour in range(len(values)))
    return Chart("Runs", moments, (Series("Failed", "bad", values),), step_minutes=60)


def test_the_table_has_the_moments_at_which_anything_was():
    assert list(chart(0, 3, None).rows) == [(NOON.replace(hour=1), ["3"])]


def test_a_chart_without_figures_is_empty():
    assert chart(0, None).is_empty
    assert not chart(0, 1).is_empty


def test_the_canvas_gets_moments_that_a_browser_can_read():
    body = json.loads(chart(1).data)
    assert body["moments"] == ["2026-03-28T00:00:00+00:00"]
    assert body["series"][0]["values"] == [1]
