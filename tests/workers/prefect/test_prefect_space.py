from __future__ import annotations

import psycopg
import pytest

from workers.prefect.space import EVENT_TABLES, RUN_TABLES, NotReachable, prefect_space

#: Names limits, not runs: it is written anew for each of them.
NOT_OF_RUNS = {"artifact_collection"}


def test_the_tables_of_a_real_server_are_measured(prefect_database: str) -> None:
    found = prefect_space(prefect_database)
    assert found.runs.size_bytes > 8192 * len(RUN_TABLES)
    assert found.events.size_bytes > 8192 * len(EVENT_TABLES)


def test_no_table_with_parts_of_runs_is_forgotten(prefect_database: str) -> None:
    with psycopg.connect(prefect_database) as database:
        parts = database.execute(
            "SELECT DISTINCT table_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND column_name IN ('flow_run_id', 'task_run_id')"
        )
        named = {name for (name,) in parts}
    assert named - NOT_OF_RUNS == set(RUN_TABLES) - {"flow_run", "task_run_state_cache"}


@pytest.mark.parametrize("url", ["", "postgresql://nobody@127.0.0.1:1/none"])
def test_a_database_that_does_not_answer_is_not_reachable(url: str) -> None:
    with pytest.raises(NotReachable):
        prefect_space(url)
