"""Whatever happens to a load of documents, running it again leaves each row once.

``FLOWADMIN_KILLS`` says how many runs are killed in each mode; 3 if it is not set.
"""

from __future__ import annotations

import os
import random
import signal
import time
from typing import Any

import pytest
from runner import Runner
from shelf import Shelf, read, write

from engine.plan import Input, Plan, Step

KILLS = int(os.environ.get("FLOWADMIN_KILLS", 3))
ROWS = 1_500
MODES = ["append", "replace", "upsert", "delete_insert"]
KEYED = ("upsert", "delete_insert")


def pipeline(shelf: Shelf, mode: str) -> Plan:
    shelf.put("s", *({"_id": i, "id": i, "word": str(i)} for i in range(ROWS)))
    keep = Step(
        key="keep",
        name="keep",
        kind="filter",
        inputs=(Input(port="in", step="read"),),
        config={"condition": "id % 3 <> 0"},
    )
    fields = [{"path": "id"}, {"path": "word"}]
    keys = {"keys": ["id"]} if mode in KEYED else {}
    return shelf.plan(read("s", fields=fields), keep, write("t", mode, "keep", **keys))


def fill(shelf: Shelf) -> None:
    """Documents from before the run; each mode does something else with them."""
    shelf.database["t"].delete_many({})
    shelf.database["t"].create_index("id", unique=True)
    shelf.put("t", *({"id": i, "word": "old"} for i in range(-5, 0)))


def content(shelf: Shelf) -> list[tuple[Any, ...]]:
    return shelf.values("t", "id", "word")


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_killed_load_of_documents_that_is_run_again_loads_each_row_once(
    shelf: Shelf, runner: Runner, mode: str
) -> None:
    made = pipeline(shelf, mode)
    fill(shelf)
    started = time.monotonic()
    assert runner.run("undisturbed", made) == 0
    lasted = time.monotonic() - started
    undisturbed = content(shelf)
    assert len(undisturbed) >= ROWS * 2 // 3
    moments = random.Random(f"documents, {mode}")
    killed = attempts = 0
    while killed < KILLS:
        attempts += 1
        assert attempts < 5 * KILLS, "runs end before they can be killed"
        fill(shelf)
        ended = runner.run(f"run {attempts}", made, kill_after=moments.uniform(0, lasted))
        killed += ended == -signal.SIGKILL
        assert runner.run(f"run {attempts}", made) == 0
        assert content(shelf) == undisturbed
        assert runner.run(f"run {attempts}", made) == 0
        assert content(shelf) == undisturbed
    staged = [n for n in shelf.database.list_collection_names() if "_staged_" in n]
    assert staged == []
