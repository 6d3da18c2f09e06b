"""Kills runs of a plan at random moments, and runs them again."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

from pipelines import Rows
from runner import Runner

from engine.plan import Plan


def kill_and_repeat(
    runner: Runner,
    made: Plan,
    fill: Callable[[], None],
    content: Callable[[], Rows],
    *,
    kills: int,
    seed: str,
) -> None:
    """Assert that a run killed and run again leaves what an undisturbed one does.

    ``fill`` makes the target as it was before; a kill leaves that, or all of the load.
    """
    fill()
    before = content()
    started = time.monotonic()
    assert runner.run("undisturbed", made) == 0
    lasted = time.monotonic() - started
    undisturbed = content()
    assert undisturbed != before
    moments = random.Random(seed)
    killed = attempts = 0
    while killed < kills:
        attempts += 1
        assert attempts < 5 * kills, "runs end before they can be killed"
        fill()
        started = time.monotonic()
        ended = runner.run(f"run {attempts}", made, kill_after=moments.uniform(0, lasted))
        if ended == 0:  # the machine has become faster
            lasted = min(lasted, time.monotonic() - started)
        killed += ended == -signal.SIGKILL
        assert content() in (undisturbed, before), "a part was committed"
        assert runner.run(f"run {attempts}", made) == 0
        assert content() == undisturbed
        if attempts % 5 == 0:
            assert runner.run(f"run {attempts}", made) == 0
            assert content() == undisturbed
