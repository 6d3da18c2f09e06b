"""Whatever the allow-list says in PostgreSQL's words is the same there as in DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine.connectors.postgresql.inside.gathering import gathered
from engine.connectors.postgresql.inside.passing import Passing
from engine.connectors.postgresql.inside.terms import NotTheSame, written
from engine.errors import ExpressionError
from engine.expression import check, to_sql
from engine.issue import Severity
from engine.kind import Context
from engine.kinds.aggregate import KIND as AGGREGATE
from engine.kinds.aggregate import AggregateConfig
from engine.schema import Column, Schema, quote

#: Column → type in DuckDB, type in PostgreSQL.
TYPES = {
    "s": ("SMALLINT", "int2"),
    "i": ("INTEGER", "int4"),
    "b": ("BIGINT", "int8"),
    "d": ("DECIMAL(15,2)", "numeric(15,2)"),
    "e": ("DECIMAL(18,4)", "numeric(18,4)"),
    "w": ("DECIMAL(38,10)", "numeric(38,10)"),
    "t": ("VARCHAR", "text"),
    "u": ("VARCHAR", "text"),
    "f": ("BOOLEAN", "bool"),
    "day": ("DATE", "date"),
    "eve": ("DATE", "date"),
    "moment": ("TIMESTAMP", "timestamp"),
}
ROWS = Schema(tuple(Column(name, type_) for name, (type_, _) in TYPES.items()))
NAMES = {name: quote(name) for name in TYPES}
NONE = Context({})


def whole(bits: int) -> st.SearchStrategy[int]:
    most = 2 ** (bits - 1)
    edges = st.sampled_from([-most, -most + 1, -1, 0, 1, most - 1])
    return st.integers(-most, most - 1) | st.integers(-9, 9) | edges


def decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**digits - 1
    units = st.integers(-most, most) | st.integers(-999, 999) | st.sampled_from([-most, 0, most])
    return units.map(lambda unit: Decimal(f"{unit}E-{scale}"))


TEXTS = st.sampled_from(
    ["", " ", "a", "A", "B", "a ", "ß", "ẞ", "é", "e\u0301", "😀", "\uffff", "%", "\\"]
) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "s": whole(16),
    "i": whole(32),
    "b": whole(64),
    "d": decimals(15, 2),
    "e": decimals(18, 4),
    "w": decimals(38, 10),
    "t": TEXTS,
    "u": TEXTS,
    "f": st.booleans(),
    "day": st.dates(),
    "eve": st.dates(date(1999, 12, 31), date(2000, 1, 2)),
    "moment": st.datetimes(datetime(1, 1, 1), datetime(9999, 1, 1)),
}
ROW = st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()})

_COMPARED = st.sampled_from(
    ["=", "<>", "<", "<=", ">", ">=", "is distinct from", "is not distinct from"]
)
_SIGN = st.sampled_from(["+", "-", "*"])
_NUMBER = st.sampled_from(
    ["s", "i", "b", "d", "e", "w", "0", "1", "7", "32767", "100000", "1.5", "0.05", "null"]
)
_TEXT = st.sampled_from(["t", "u", "'a'", "''", "'ß'", "'it''s'"])
_TYPE = st.sampled_from(
    ["integer", "bigint", "smallint", "decimal(9,1)", "decimal(18,4)", "decimal(38,10)"]
)


def joined(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    made = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*made).map(" ".join)


def _numbers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        joined("(", inner, _SIGN, inner, ")")
        | joined("(-", inner, ")")
        | joined("coalesce(", inner, ",", inner, ")")
        | joined("cast(", inner, "as", _TYPE, ")")
        | joined("case when f then", inner, "else", inner, "end")
        | joined("case", inner, "when", inner, "then", inner, "end")
    )


NUMBERS = st.recursive(_NUMBER, _numbers, max_leaves=5)
STRINGS = st.recursive(
    _TEXT,
    lambda inner: (
        joined("(", inner, "||", inner, ")")
        | joined("coalesce(", inner, ",", inner, ")")
        | joined("case when f then", inner, "end")
    ),
    max_leaves=4,
)
_TESTS = (
    joined("(", NUMBERS, _COMPARED, NUMBERS, ")")
    | joined("(", STRINGS, _COMPARED, STRINGS, ")")
    | joined("( day", _COMPARED, "eve )")
    | joined("( moment", _COMPARED, "moment )")
    | joined("(", NUMBERS, "is null )")
    | joined("(", NUMBERS, "in (", _NUMBER, ",", _NUMBER, ") )")
    | joined("(", STRINGS, "not in (", _TEXT, ",", _TEXT, ") )")
    | joined("(", NUMBERS, "between", _NUMBER, "and", _NUMBER, ")")
    | joined("(", STRINGS, "between", _TEXT, "and", _TEXT, ")")
    | st.just("f")
)
CONDITIONS = st.recursive(
    _TESTS,
    lambda inner: (
        joined("(", inner, st.sampled_from(["and", "or"]), inner, ")")
        | joined("(not", inner, ")")
        | joined("(", inner, st.sampled_from(["is true", "is not false", "is null"]), ")")
    ),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def postgres(postgres_server: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def memory() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as session:
        yield session


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=NUMBERS | STRINGS | CONDITIONS, row=ROW)
def test_what_postgresql_says_duckdb_says_too(
    postgres: psycopg.Connection[Any],
    memory: duckdb.DuckDBPyConnection,
    text: str,
    row: dict[str, Any],
) -> None:
    issues = check(text, ROWS, {})
    assume(not any(issue.severity is Severity.ERROR for issue in issues))
    try:
        theirs = written(text, NAMES, ROWS).sql
    except (NotTheSame, ExpressionError, duckdb.Error):
        assume(False)
    found = _in_postgres(postgres, theirs, row)
    # A load that fails inside the database is tried the other way.
    assert found is None or found == _in_duckdb(memory, to_sql(text, ROWS, {}), row)


def _in_postgres(connection: psycopg.Connection[Any], sql: str, row: dict[str, Any]) -> Any:
    """None for an error."""
    items = ", ".join(f"%({name})s::{TYPES[name][1]} AS {quote(name)}" for name in row)
    escaped = sql.replace("%", "%%")
    try:
        found = connection.execute(
            f"SELECT ({escaped})::text FROM (SELECT {items} OFFSET 0) r", row
        )
        return found.fetchall()
    except psycopg.errors.DataError:
        return None


def _in_duckdb(session: duckdb.DuckDBPyConnection, sql: str, row: dict[str, Any]) -> Any:
    items = ", ".join(f"CAST(${name} AS {TYPES[name][0]}) AS {quote(name)}" for name in row)
    session.execute(f"CREATE OR REPLACE TABLE r AS SELECT {items}", row)
    try:
        return session.execute(f"SELECT CAST({sql} AS VARCHAR) FROM r").fetchall()
    except (duckdb.OutOfRangeException, duckdb.ConversionException) as error:
        return str(error)


#: Of few values, so that rows meet in groups.
_GROUPED = st.fixed_dictionaries(
    {
        **{name: st.none() | values for name, values in VALUES.items()},
        "t": st.none() | st.sampled_from(["a", "A", "a ", "é", "e\u0301", "ß", "ss"]),
        "d": st.none() | st.sampled_from([Decimal("1.00"), Decimal("-1.00"), Decimal("0.10")]),
        "eve": st.none() | st.dates(date(1999, 12, 31), date(2000, 1, 2)),
    }
)
_AGGREGATED = st.builds(
    lambda function, column: {"function": function, "column": column},
    st.sampled_from(["count", "sum", "min", "max"]),
    st.sampled_from(list(TYPES)),
) | st.just({"function": "count"})


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(_GROUPED, max_size=6),
    keys=st.lists(st.sampled_from(["t", "d", "eve", "f", "s"]), max_size=2, unique=True),
    made=st.lists(_AGGREGATED, min_size=1, max_size=3),
)
def test_groups_are_the_same(
    postgres: psycopg.Connection[Any],
    memory: duckdb.DuckDBPyConnection,
    rows: list[dict[str, Any]],
    keys: list[str],
    made: list[dict[str, str]],
) -> None:
    aggregates = [{"name": f"made {i}", **each} for i, each in enumerate(made)]
    config = AggregateConfig.model_validate({"group_by": keys, "aggregates": aggregates})
    kind = AGGREGATE()
    assume(not any(i.severity is Severity.ERROR for i in kind.check(config, {"in": ROWS}, NONE)))
    columns = [Passing(name, NAMES[name], type_) for name, (type_, _) in TYPES.items()]
    try:
        items, groups = gathered(config, columns, NAMES)
    except NotTheSame:
        assume(False)
    theirs = _rows_in_postgres(postgres, ", ".join(f"({i.sql})::text" for i in items), groups, rows)
    assert theirs is None or sorted(theirs, key=str) == sorted(
        _rows_in_duckdb(memory, kind.sql(config, {"in": ROWS}, NONE), rows), key=str
    )


def _rows_in_postgres(
    connection: psycopg.Connection[Any], items: str, groups: str, rows: list[dict[str, Any]]
) -> Any:
    """None for an error."""
    fields = ", ".join(f"{quote(name)} {native}" for name, (_, native) in TYPES.items())
    places = ", ".join(f"%({name})s" for name in TYPES)
    with connection.transaction(force_rollback=True):
        connection.execute(f"CREATE TEMP TABLE r ({fields}) ON COMMIT DROP")
        for row in rows:
            connection.execute(f"INSERT INTO r VALUES ({places})", row)
        try:
            return connection.execute(f"SELECT {items} FROM r{groups}").fetchall()
        except psycopg.errors.DataError:
            return None


def _rows_in_duckdb(
    session: duckdb.DuckDBPyConnection, sql: str, rows: list[dict[str, Any]]
) -> Any:
    fields = ", ".join(f"{quote(name)} {type_}" for name, (type_, _) in TYPES.items())
    session.execute(f'CREATE OR REPLACE TABLE "in" ({fields})')
    for row in rows:
        session.execute(f'INSERT INTO "in" VALUES ({", ".join(f"${name}" for name in TYPES)})', row)
    return session.execute(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({sql})").fetchall()
