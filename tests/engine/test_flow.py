from __future__ import annotations

import json
from pathlib import Path

import pytest
from warm_worker import plan_of

from engine.errors import PlanError
from engine.flow import open_secrets, outcome_message, run_workflow
from engine.outcome import NodeOutcome
from engine.plan import PlanConnection
from engine.schema import Column
from engine.sealing import generate_keypair, seal

DATABASE = "postgresql://nobody@127.0.0.1:9/none"


def failure_of(plan: dict[str, object]) -> str:
    """What the flow says of a plan that it cannot run."""
    state = run_workflow.fn(plan)
    assert state.is_failed()
    return state.message


def test_an_outcome_is_compact_json() -> None:
    outcome = NodeOutcome("filter", rows_in=5, rows_out=3, seconds=0.0123)

    assert outcome_message(outcome) == '{"rows_in":5,"rows_out":3,"seconds":0.012}'


def test_the_message_of_a_node_that_warns_has_its_warnings() -> None:
    outcome = NodeOutcome("check", rows_in=1, rows_out=1, seconds=0, warnings=("too few",))
    assert outcome_message(outcome).endswith(',"warnings":["too few"]}')


def test_columns_are_told_in_the_words_of_their_database() -> None:
    columns = (Column("id", "INTEGER"), Column("name", "VARCHAR", "character varying(80)"))
    message = outcome_message(NodeOutcome("read", None, 1, 0, columns=columns))

    assert json.loads(message)["columns"] == {"id": "INTEGER", "name": "character varying(80)"}


def test_a_count_that_is_not_known_is_null() -> None:
    message = outcome_message(NodeOutcome("load", rows_in=None, rows_out=None, seconds=1))

    assert json.loads(message) == {"rows_in": None, "rows_out": None, "seconds": 1}


def test_a_plan_of_another_version_says_where_and_what_to_do() -> None:
    message = failure_of({**plan_of(DATABASE), "plan_version": 2})

    assert message.startswith("E_PLAN: the plan cannot be read at 'Plan.plan_version'")
    assert "bring both to the same version" in message


def test_a_plans_values_are_not_in_the_message() -> None:
    assert "canary" not in failure_of({**plan_of(DATABASE), "steps": "canary"})


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of keys of a worker of ``etl-pool``."""
    monkeypatch.setenv("FLOWADMIN_POOL", "etl-pool")
    monkeypatch.setenv("FLOWADMIN_POOL_KEYS", str(tmp_path))
    return tmp_path


def sealed_to(public_key: str) -> PlanConnection:
    sealed = seal(public_key, {"password": "x"})
    return PlanConnection(connector="postgresql", options={}, sealed=sealed)


def test_a_secret_opens_with_the_key_of_the_runs_pool(keys: Path) -> None:
    private, public = generate_keypair()
    (keys / "etl-pool.key").write_text(private + "\n")

    assert open_secrets(sealed_to(public)) == {"password": "x"}


def test_without_secrets_no_key_is_needed(keys: Path) -> None:
    assert open_secrets(PlanConnection(connector="postgresql", options={})) == {}


def test_without_the_pools_key_a_secret_stays_closed(keys: Path) -> None:
    with pytest.raises(PlanError, match="the key of pool 'etl-pool' cannot be read from") as error:
        open_secrets(sealed_to(generate_keypair()[1]))
    assert error.value.code == "E_POOL_KEY"


def test_another_pools_key_opens_nothing(keys: Path) -> None:
    (keys / "etl-pool.key").write_text(generate_keypair()[0])

    with pytest.raises(PlanError) as error:
        open_secrets(sealed_to(generate_keypair()[1]))
    assert error.value.code == "E_SEALED"
