from __future__ import annotations

import duckdb
import pytest

from engine.stages.culprit import failure_of, find_culprit


@pytest.fixture(scope="module")
def full_disk() -> duckdb.Error:
    with duckdb.connect() as session, pytest.raises(duckdb.Error) as full:
        session.execute("COPY (SELECT 1) TO '/dev/full' (FORMAT csv, USE_TMP_FILE false)")
    return full.value


def test_a_full_disk_is_said_to_be_one_and_may_have_room_later(full_disk: duckdb.Error) -> None:
    with duckdb.connect() as session:
        failure = find_culprit(full_disk, session, (), {}, {}, "write")
    assert (failure.step, failure.code, failure.permanent) == ("write", "E_DISK_FULL", False)
    assert "/dev/full" in failure.message


def test_a_disk_that_is_full_while_groups_are_made_is_the_node_s(full_disk: duckdb.Error) -> None:
    """They are made in rounds, and no other node is asked."""
    failure = failure_of("group", full_disk)
    assert (failure.step, failure.code, failure.permanent) == ("group", "E_DISK_FULL", False)
