from __future__ import annotations

import duckdb
import pytest

from engine.stages.culprit import find_culprit


def test_a_full_disk_is_said_to_be_one_and_may_have_room_later() -> None:
    with duckdb.connect() as session:
        with pytest.raises(duckdb.Error) as full:
            session.execute("COPY (SELECT 1) TO '/dev/full' (FORMAT csv, USE_TMP_FILE false)")
        failure = find_culprit(full.value, session, (), {}, {}, "write")
    assert (failure.step, failure.code, failure.permanent) == ("write", "E_DISK_FULL", False)
    assert "/dev/full" in failure.message
