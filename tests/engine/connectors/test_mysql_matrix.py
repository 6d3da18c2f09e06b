"""Values of every type of MariaDB, each way that rows can go: they arrive as they were."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from mariadb import Shop, mariadb_connection
from mariadb_values import GROWING, SHOWN, VALUES
from pipelines import Databases, connection, plan, secrets, source, target

from engine.interpreter import run
from engine.plan import Input, PlanConnection, Step
from engine.previews.previewing import preview

TYPES = list(VALUES)
NAMES = [f"c{i}" for i in range(len(TYPES))]
#: Values by the name of their column, from the first row to the last, in text that says all.
Texts = dict[str, list[str | None]]
_ZONE = "set time_zone = '+00:00'"
_BINARY = ("blob", "geometry", "point", "polygon", "binary(3)", "varbinary(10)")


@pytest.fixture(scope="module")
def filled(one_mariadb_database: Shop) -> Shop:
    """A column of each type; sessions that read it are in another zone than the server."""
    shop = one_mariadb_database
    shop.empty()
    fields = ", ".join(map(" ".join, zip(NAMES, TYPES, strict=True)))
    shop.sql(f"create table s (i int primary key, {fields})", "create table t like s")
    rows = [*zip_longest(*VALUES.values(), fillvalue="null"), ["null"] * len(TYPES)]
    for i, row in enumerate(rows):
        shop.sql(_ZONE, f"insert into s values ({i}, {', '.join(row)})")
    return shop


@pytest.fixture(scope="module")
def expected(filled: Shop) -> Texts:
    found = shown_by_mariadb(filled, "s")
    for name, type_ in zip(NAMES, TYPES, strict=True):
        shown = SHOWN.get(type_, [])
        found[name][: len(shown)] = shown
    return found


def shown_by_mariadb(shop: Shop, table: str) -> Texts:
    """As PostgreSQL and DuckDB write them: numbers plainly, bytes in hexadecimal digits."""
    values = []
    for name, type_ in zip(NAMES, TYPES, strict=True):
        if type_.startswith(("bit", "int(8)", "year")):
            values.append(f"{name} + 0")
        elif type_.endswith(_BINARY):
            values.append(f"concat('\\\\x', lower(hex({name})))")
        else:
            values.append(f"convert({name} using utf8mb4)")
    return by_name(shop.sql(_ZONE, f"select {', '.join(values)} from {table} order by i"))


def by_name(rows: list[tuple[Any, ...]]) -> Texts:
    columns = zip(*rows, strict=True)
    return {
        name: [None if value is None else str(value) for value in column]
        for name, column in zip(NAMES, columns, strict=True)
    }


def moved(shop: Shop, *steps: Step, **connections: PlanConnection) -> None:
    made = plan(steps, {"source": mariadb_connection(shop.url), **connections})
    outcome = run(made, run_id="r", secrets=lambda c: secrets(c) if c.sealed else {})
    outcome.raise_failure()


def into_postgresql(shop: Shop, databases: Databases, folder: Path) -> Texts:
    """Into a table that the load makes."""
    made = target("w", "t", "r", config={"create_table": True})
    moved(shop, source("r", "s"), made, target=connection(databases.target_url))
    items = ", ".join(f"{name}::text" for name in NAMES)
    with psycopg.connect(databases.target_url) as session:
        session.execute("set timezone = 'UTC'")
        return by_name(session.execute(f"select {items} from t order by i".encode()).fetchall())


def into_a_file(shop: Shop, databases: Databases, folder: Path, **config: Any) -> Texts:
    written = {"connection": "files", "path": "t.parquet", "format": "parquet"}
    edges = (Input(port="in", step="r"),)
    write = Step(key="w", name="w", kind="file_target", config=written, inputs=edges)
    files = PlanConnection(connector="files", options={"root": str(folder)})
    moved(shop, source("r", **(config or {"table": "s"})), write, files=files)
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        found = session.sql(f"FROM '{folder}/t.parquet' ORDER BY i")
        types = dict(zip(found.columns, found.types, strict=True))
        items = ", ".join(
            f"'\\x' || lower(hex({name}))" if types[name] == "BLOB" else f"CAST({name} AS VARCHAR)"
            for name in NAMES
        )
        return by_name(found.select(items).fetchall())


def from_a_query(shop: Shop, databases: Databases, folder: Path) -> Texts:
    return into_a_file(shop, databases, folder, sql="select * from s")


def in_a_preview(shop: Shop, databases: Databases, folder: Path) -> Texts:
    given = plan([source("r", "s")], {"source": mariadb_connection(shop.url)})
    found = preview(given, "r", secrets=secrets).sample
    shown = by_name([row[1:] for row in sorted(found.rows, key=lambda row: int(row[0] or 0))])
    for column in found.columns:
        if column.type == "BLOB":
            shown[column.name] = list(map(in_digits, shown[column.name]))
    return shown


def in_digits(shown: str | None) -> str | None:
    """Bytes as DuckDB writes them → in hexadecimal digits."""
    with duckdb.connect() as session:
        rows = session.execute("SELECT '\\x' || lower(hex(CAST(? AS BLOB)))", [shown]).fetchall()
    return None if shown is None else str(rows[0][0])


WAYS: list[Callable[[Shop, Databases, Path], Texts]] = [
    into_postgresql,
    into_a_file,
    from_a_query,
    in_a_preview,
]


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: way.__name__)
def arrived(
    request: pytest.FixtureRequest,
    filled: Shop,
    two_databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
) -> Texts:
    folder = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWADMIN_FILE_ROOTS", str(folder))
        found: Texts = request.param(filled, two_databases, folder)
    return found


@pytest.mark.parametrize("name", NAMES, ids=TYPES)
def test_values_arrive_as_they_were(arrived: Texts, expected: Texts, name: str) -> None:
    assert arrived[name] == expected[name]


@pytest.fixture(scope="module")
def are_same(filled: Shop) -> Texts:
    """Whether the bytes of a copy in MariaDB are the source's."""
    own = mariadb_connection(filled.url)
    moved(filled, source("r", "s"), target("w", "t", "r"), target=own)
    same = ", ".join(f"hex(s.{name}) <=> hex(t.{name})" for name in NAMES)
    return by_name(filled.sql(f"select {same} from s join t using (i)"))


@pytest.mark.parametrize("name", NAMES, ids=TYPES)
def test_values_arrive_in_mariadb_as_they_were(are_same: Texts, name: str) -> None:
    assert set(are_same[name]) == {"1"}


def test_a_character_that_postgresql_has_not_is_said(shop: Shop, databases: Databases) -> None:
    shop.sql("create table s (v varchar(3))", "insert into s values (char(0, 65 using utf8mb4))")
    databases.in_target("create table t (v text)")
    into = connection(databases.target_url)
    (failure,) = shop.run(source("r", "s"), target("w", "t", "r"), target=into).failures
    assert "NULL-byte" in failure.message


def test_generated_and_invisible_columns_are_read_and_only_the_latter_written(shop: Shop) -> None:
    fields = "a int, b int as (a + 1) virtual, c int as (a + 2) stored, d int invisible default 7"
    shop.sql(f"create table s ({fields})", "insert into s (a, d) values (1, 4)")
    shop.sql(f"create table t ({fields})")
    shop.run(source("r", "s"), target("w", "t", "r")).raise_failure()
    assert shop.sql("select a, b, c, d from t") == [(1, 2, 3, 4)]
    shop.sql("create table u (a int, b int, c int, d int)")
    shop.run(source("r", "s"), target("w", "u", "r"), run_id="u").raise_failure()
    assert shop.sql("select * from u") == [(1, 2, 3, 4)]


@pytest.mark.parametrize("type_", GROWING)
def test_what_is_new_is_found_by_any_value(shop: Shop, type_: str) -> None:
    value, above = GROWING[type_]
    for letter in "st":
        shop.sql(f"create table {letter} (i int primary key, v {type_} null)")
    shop.sql(_ZONE, f"insert into s values (1, {value}), (2, null)")
    rows = []
    for run_id in ("first", "second", "third"):
        read = source("r", "s", incremental={"column": "v"})
        shop.run(read, target("w", "t", "r"), run_id=run_id).raise_failure()
        rows.append(shop.sql("select i from t order by i"))
        shop.sql(_ZONE, f"insert ignore into s values (3, {above})")
    assert rows == [[(1,)], [(1,), (3,)], [(1,), (3,)]]
