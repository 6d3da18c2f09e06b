"""Values of every type of PostgreSQL, each way that rows can go: they arrive as they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
import pytest
from pipelines import Databases, Rows, address, connection, execute, plan, secrets, source, target
from postgresql_values import BINARY_ONLY, ODD_SETTINGS, OWN_TYPES, VALUES

from engine import registry
from engine.columns.binding import bind
from engine.interpreter import run
from engine.issue import Severity
from engine.plan import PlanConnection, Step
from engine.transfer import Extraction, TableName

#: What another driver cannot read whole, or reads as text that the table does not take: said.
REFUSED = {
    "by another driver": {
        "numeric", "numeric(5,-2)", "numeric(2,4)", "numeric(40,2)", "price", "date", "time",
        "timestamp", "timestamptz", "interval", "interval day to second(3)", "money", "money[]",
    }
}  # fmt: skip
#: How rows are read, and where to: what each way is called, and the connector that reads.
WAYS = {
    "in binary": "postgresql",
    "in parts": "postgresql",
    "through arrivals": "postgresql",
    "as text": "cockroachdb",
    "within a database": "postgresql",
    "by another driver": "sqlalchemy",
}


PLAIN = (
    "datestyle = 'ISO'",
    "extra_float_digits = 3",
    "intervalstyle = 'postgres'",
    "timezone = 'UTC'",
)


@dataclass(frozen=True)
class Moved:
    """What became of a table of each type: its rows before and after in text, or why not."""

    way: str
    before: Mapping[str, Rows]
    after: Mapping[str, Rows]
    errors: Mapping[str, str]


@pytest.fixture(scope="module", params=WAYS)
def moved(request: pytest.FixtureRequest, two_databases: Databases) -> Moved:
    """All types in one run, each with a source and a target of its own."""
    two_databases.empty()
    way: str = request.param
    origin = two_databases.source_url
    into = origin if way == "within a database" else two_databases.target_url
    for url in {origin, into}:
        execute(url, *OWN_TYPES)
    make(origin, "s", is_binary=way != "as text")
    make(into, "t")
    if way == "in parts":
        lengthen(origin, "s")
    name = origin.rpartition("/")[2]
    execute(origin, *(f"alter database {name} set {setting}" for setting in ODD_SETTINGS))
    steps = [step for i in range(len(VALUES)) for step in steps_of(i, way)]
    made = plan(steps, {"source": reader(way, origin), "target": connection(into)})
    outcome = run(made, run_id="r", secrets=secrets)
    execute(origin, f"alter database {name} reset all")
    names = list(VALUES)
    errors = {names[int(f.step[1:])]: f.message for f in outcome.failures}
    return Moved(way, shown(origin, "s"), shown(into, "t"), errors)


def make(url: str, letter: str, *, is_binary: bool | None = None) -> None:
    """A table of each type; with its values, those too that only the binary form has."""
    with psycopg.connect(url) as session:
        for i, (type_, values) in enumerate(VALUES.items()):
            session.execute(f"create table {letter}{i} (i int primary key, v {type_})")
            given = [*values, *(BINARY_ONLY.get(type_, []) if is_binary else []), None]
            for row in enumerate(given if is_binary is not None else []):
                session.execute(f"insert into {letter}{i} values (%s, %s::text::{type_})", row)


def lengthen(url: str, letter: str) -> None:
    """Give the tables pages enough for several sessions, with nothing on them."""
    with psycopg.connect(url) as session:
        for i in range(len(VALUES)):
            table = f"{letter}{i}"
            session.execute(f"alter table {table} add filler text")
            session.execute(f"alter table {table} alter filler set storage plain")
            session.execute(
                f"insert into {table} (i, filler) select -n, repeat('x', 8000) "
                "from generate_series(1, 130) n"
            )
            session.execute(f"delete from {table} where i < 0")
            session.execute(f"update {table} set i = i")  # some rows are on the last pages


def shown(url: str, letter: str) -> dict[str, Rows]:
    """The rows of the tables by type, each value as text that says all of it."""
    with psycopg.connect(url) as session:
        for setting in PLAIN:
            session.execute(f"set {setting}")
        return {
            type_: session.execute(f"select i, v::text from {letter}{i} order by i").fetchall()
            for i, type_ in enumerate(VALUES)
        }


def reader(way: str, url: str) -> PlanConnection:
    own = connection(url)
    dialect = {"dialect": "postgresql+psycopg"} if WAYS[way] == "sqlalchemy" else {}
    return own.model_copy(update={"connector": WAYS[way], "options": own.options | dialect})


def steps_of(i: int, way: str) -> tuple[Step, Step]:
    parts = {"sessions": 3, "columns": ["i", "v"]} if way == "in parts" else {}
    read = source(f"r{i}", f"s{i}", **parts)
    if way == "through arrivals":
        return read, target(f"w{i}", f"t{i}", read.key, "upsert", config={"keys": ["i"]})
    return read, target(f"w{i}", f"t{i}", read.key)


@pytest.mark.slow
@pytest.mark.parametrize("type_", VALUES)
def test_values_arrive_as_they_were(moved: Moved, type_: str) -> None:
    """Whatever the settings of the sessions at the source are."""
    if type_ in REFUSED.get(moved.way, ()):
        assert moved.errors[type_]
        assert not moved.after[type_]
        return
    assert moved.errors.get(type_) is None
    assert moved.after[type_] == moved.before[type_]


#: A type and a value of it, a type that would cut or round it without a word, what is said.
NARROW = [
    ("bit(4)", "1010", "bit(3)", "bit string length"),
    ("text", "10", "bit(3)", "bit string length"),
    ("text", "10101", "bit varying(3)", "too long"),
    ("text", "1010", "flags", "bit string length"),
    ("text[]", "{abcdef}", "varchar(3)[]", "too long"),
    ("text", "abcdef", "code", "too long"),
    ("numeric(10,5)", "1.23456", "numeric(40,2)", 'column "v" does not fit numeric(40,2)'),
    ("integer", "12345", "numeric(5,-2)", 'column "v" does not fit numeric(5,-2)'),
    ("numeric[]", "{1.234}", "numeric(10,2)[]", 'column "v" does not fit numeric(10,2)[]'),
    ("timestamp", "2024-01-01 00:00:00.5", "timestamp(0)", "more digits of a second"),
    ("timestamptz", "2024-01-01 00:00:00.0001+00", "timestamptz(3)", "more digits of a second"),
    ("time", "00:00:00.000001", "time(5)", "more digits of a second"),
    ("timetz", "00:00:00.5+00", "timetz(0)", "does not fit"),
    ("timestamp[]", '{"2024-01-01 00:00:00.5"}', "timestamp(0)[]", "does not fit"),
    ("interval", "00:00:00.5", "interval(0)", "does not fit"),
    ("interval", "1 year 3 days", "interval year to month", "does not fit"),
    ("bigint", "9223372036854775807", "integer", "range"),
    ("numeric(20,2)", "123456789012.00", "numeric(10,2)", "DECIMAL"),
    ("text", "not a number", "money", "numeric"),
]


@pytest.mark.parametrize(("type_", "value", "narrow", "said"), NARROW)
def test_what_a_column_would_cut_or_round_fails(
    databases: Databases, type_: str, value: str, narrow: str, said: str
) -> None:
    databases.in_source(*OWN_TYPES, f"create table s as select 1 as i, '{value}'::{type_} as v")
    made = f"(i int primary key, v {narrow})"
    databases.in_target(*OWN_TYPES, f"create table t {made}", f"create table u {made}")
    upsert = target("x", "u", "r", "upsert", config={"keys": ["i"]})
    steps = source("r", "s"), target("w", "t", "r"), upsert
    failures = run(plan(steps, databases.connections()), run_id="r", secrets=secrets).failures
    assert [said in failure.message for failure in failures] == [True, True]
    assert databases.in_target("select from t union all select from u") == []


def test_a_number_of_too_many_digits_is_named_at_save_with_a_cast(databases: Databases) -> None:
    databases.in_source("create table s (id int, free numeric, wide numeric(50,2), v numeric(9,2))")
    columns = registry.connectors()["postgresql"].describe(
        registry.connectors()["postgresql"].Config.model_validate(address(databases.source_url)),
        Extraction(TableName("", "s")),
    )
    bound = bind([source("r", "s")], {"r": columns}, registry.kinds(), {}, {})
    assert {(i.code, i.severity, i.node, i.field) for i in bound.issues} == {
        ("value_may_not_fit", Severity.WARNING, "r", "columns")
    }
    free, wide = (issue.message for issue in bound.issues)
    assert "column 'free' (numeric): values of more than 28 digits before the point or 10" in free
    assert 'CAST("free" AS numeric(38,20))' in free
    assert "column 'wide' (numeric(50,2)): values of more than 38 digits" in wide
