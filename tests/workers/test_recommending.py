from __future__ import annotations

from dataclasses import replace

import pytest

from workers.recommending import SAMPLES_FOR_LESS, PoolHistory, recommend

BUSY = PoolHistory(
    limit=4,
    samples=2880,
    mean_active=2.5,
    peak_active=4,
    peak_queued=0,
    full_share=0,
    unserved_share=0,
)


def test_a_pool_that_fits_its_load_is_kept():
    assert recommend(BUSY, BUSY, 1).act == "keep"


def test_an_hour_of_samples_is_needed_for_any_advice():
    assert recommend(replace(BUSY, samples=119, full_share=1), BUSY, 1).act == "wait"


def test_runs_that_waited_for_a_slot_ask_for_as_many_more():
    advice = recommend(replace(BUSY, full_share=0.1, peak_queued=3), BUSY, 1)
    assert (advice.act, "7 slots" in advice.text) == ("scale_up", True)


def test_a_pool_is_doubled_at_most():
    advice = recommend(replace(BUSY, full_share=0.1, peak_queued=300), BUSY, 1)
    assert "8 slots" in advice.text


def test_a_worker_comes_before_more_slots():
    advice = recommend(replace(BUSY, full_share=0.5, unserved_share=0.1, peak_queued=3), BUSY, 1)
    assert advice.act == "start_workers"


def test_without_a_worker_nothing_else_matters():
    assert recommend(replace(BUSY, samples=0), BUSY, 0).act == "start_workers"


@pytest.mark.parametrize(("peak", "act"), [(0, "scale_down"), (2, "scale_down"), (3, "keep")])
def test_slots_that_no_day_of_a_week_needed_can_go(peak, act):
    week = replace(BUSY, samples=SAMPLES_FOR_LESS, peak_active=peak)
    assert recommend(replace(BUSY, peak_active=0), week, 1).act == act


def test_a_quiet_day_is_too_little_to_give_slots_away():
    quiet = replace(BUSY, samples=1200, peak_active=0)
    advice = recommend(quiet, quiet, 1)
    assert advice.act == "keep"
    assert "0 at most were taken in 10 hours" in advice.text
    assert "62 hours are missing" in advice.text


def test_a_pool_that_was_busy_earlier_in_the_week_keeps_its_slots():
    week = replace(BUSY, samples=20_000)
    assert recommend(replace(BUSY, peak_active=0), week, 1).act == "keep"


def test_the_figures_behind_an_advice_stand_beside_it():
    figures = recommend(replace(BUSY, full_share=0.123, peak_queued=3), BUSY, 1).figures
    assert "62 % of slots" in figures
    assert "up to 3 queued" in figures
    assert "12.3 %" in figures
