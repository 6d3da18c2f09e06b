"""What was imported also runs, in the engine itself, and leaves exactly the expected rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from payloads import CORPUS
from psycopg import sql
from test_legacy_corpus import cases

from engine.interpreter import run
from workflows.models import Connection
from workflows.services.connections import secrets_of
from workflows.services.deploying import compile_now
from workflows.services.editing import definition_of
from workflows.services.importing.legacy import import_payload


@pytest.fixture
def rows_of(seeded: Connection) -> Callable[..., list[Any]]:
    """The rows of a table, as JSON shows them, in the order of the table."""

    def rows_of(table: str, columns: list[str]) -> list[Any]:
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        query = sql.SQL("select {} from {}").format(names, sql.Identifier(*table.split(".")))
        options = {**seeded.options, "dbname": seeded.options["database"]}
        options.pop("database")
        password = secrets_of(seeded)["password"]
        with psycopg.connect(**options, password=password) as connection:
            found = connection.execute(query).fetchall()
        return [[_as_json(value) for value in row] for row in found]

    return rows_of


def _as_json(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def _sorted(rows: list[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: json.dumps(row, default=str))


def _in_order(rows: list[Any]) -> list[Any]:
    """Rows in the order of the identity number they begin with, without it."""
    return [row[1:] for row in sorted(rows, key=lambda row: row[0])]


@pytest.mark.parametrize("expected", cases(is_ok=True))
def test_an_imported_case_leaves_the_expected_rows(team, seeded, rows_of, expected):
    payload = json.loads((CORPUS / f"{expected['case']}.json").read_text())
    workflow = import_payload(payload, team=team, connections={"neondb": "warehouse"}).workflow
    plan = compile_now(workflow, definition_of(workflow), 1).plan
    assert plan is not None
    outcome = run(plan, run_id=str(workflow.pk), secrets=lambda _: secrets_of(seeded))
    assert [f.code for f in outcome.failures] == list(filter(None, [expected["run"]["error_code"]]))
    for table, wanted in expected["run"]["targets"].items():
        found = rows_of(table, wanted["columns"])
        if wanted["ordered"]:
            assert _in_order(found) == _in_order(wanted["rows"])
        else:
            assert _sorted(found) == _sorted(wanted["rows"])
