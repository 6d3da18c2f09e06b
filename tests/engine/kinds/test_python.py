from __future__ import annotations

from typing import Any

import pytest
from pipelines import plan, secrets, transform

from engine.interpreter import run
from engine.outcome import RunOutcome
from engine.plan import Plan, Step
from engine.registry import kinds
from workflows.compile import compile_workflow
from workflows.definition import Definition

DOUBLE = """
import pyarrow.compute as pc

def transform(table):
    return table.append_column("twice", pc.multiply(table["id"], 2))
"""
COLUMNS = [{"name": "id", "type": "bigint"}, {"name": "twice", "type": "bigint"}]


@pytest.fixture(autouse=True)
def _allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWADMIN_ALLOW_PYTHON", "true")


def made(
    code: str,
    columns: list[dict[str, str]] = COLUMNS,
    condition: str = "id > 2",
    **fields: Any,
) -> Plan:
    rows = {"columns": [{"name": "id", "type": "bigint"}], "rows": [[1], [2], [3]]}
    listed = Step(key="list", name="list", kind="inline_source", config=rows)
    some = transform("some", "filter", "list", condition="id > 1")
    node = transform("code", "python", "some", code=code, columns=columns)
    after = transform("after", "filter", "code", condition=condition)
    return plan([listed, some, node.model_copy(update=fields), after], memory_limit_mb=256)


def outcome_of(code: str, **fields: Any) -> RunOutcome:
    return run(made(code, **fields), run_id="r", secrets=secrets)


def failure(code: str, **fields: Any) -> tuple[str, str]:
    (found,) = outcome_of(code, **fields).failures
    assert found.step == "code"
    return found.code, found.message


def test_rows_go_through_a_function_and_are_counted() -> None:
    outcome = outcome_of(DOUBLE)
    outcome.raise_failure()
    counts = {key: (node.rows_in, node.rows_out) for key, node in outcome.nodes.items()}
    assert counts == {"list": (None, 3), "some": (3, 2), "code": (2, 2), "after": (2, 1)}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def transform(t):\n    x = 1\n    return x / 0", "(line 3: return x / 0)"),
        ("def transform(t)\n    return t", "SyntaxError: expected ':'"),
        ("x = 1", "it defines no function 'transform(table)'"),
        ("def transform(t): return 5", "returned a int; return a pyarrow.Table"),
        ("def transform(t): return t", "returned the columns id; declared are id, twice"),
        (
            "def transform(t): return t.append_column('twice', [['x', 'y']])",
            "column 'twice' was returned as string and is declared as int64",
        ),
        ("import sys\ndef transform(t): sys.exit(3)", "SystemExit: 3 (line 2:"),
        ("import os\ndef transform(t): os._exit(3)", "exited with status 3"),
    ],
)
def test_what_goes_wrong_is_said_with_its_line(code: str, message: str) -> None:
    found, text = failure(code)
    assert found == "E_CODE"
    assert message in text


def test_its_memory_is_bounded() -> None:
    assert failure("def transform(t): return bytearray(2 * 2**30)")[0] == "E_MEMORY"


def test_it_ends_with_its_time_limit() -> None:
    code = "import time\ndef transform(t): time.sleep(60)"
    assert failure(code, timeout_seconds=2)[0] == "E_TIMEOUT"


def test_it_does_not_see_the_environment_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "canary")
    code = "import os, pyarrow\ndef transform(t): return pyarrow.table({'names': [*os.environ]})"
    columns = [{"name": "names", "type": "varchar"}]
    outcome = outcome_of(code, columns=columns, condition="names = 'PREFECT_API_AUTH_STRING'")
    outcome.raise_failure()
    assert outcome.nodes["after"].rows_out == 0


def test_a_worker_that_does_not_allow_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWADMIN_ALLOW_PYTHON")
    code, message = failure(DOUBLE)
    assert code == "E_NOT_ALLOWED"
    assert "FLOWADMIN_ALLOW_PYTHON is not set to true" in message


@pytest.mark.parametrize(("allows", "codes"), [(False, ["kind_not_allowed"]), (True, [])])
def test_a_team_needs_leave_to_use_it(allows: bool, codes: list[str]) -> None:
    rows = {"columns": [{"name": "id"}], "rows": [["1"]]}
    nodes = [
        {"key": "list", "kind": "inline_source", "config": rows},
        {"key": "code", "kind": "python", "config": {"code": DOUBLE, "columns": COLUMNS}},
    ]
    edges = [{"source": "list", "target": "code"}]
    found = compile_workflow(
        Definition.model_validate({"name": "w", "nodes": nodes, "dependencies": edges}),
        workflow_id="w",
        version=1,
        connections={},
        catalog=None,  # type: ignore[arg-type]
        kinds=kinds(),
        allows_python=allows,
    )
    known = {"unconnected", "no_target"}
    assert [issue.code for issue in found.errors if issue.code not in known] == codes
