"""Values on their way through Arrow, there and back."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

from engine.schema import Column, Schema
from engine.streams.arrow import arrived, arrow_schema, batches

_VALUES = [
    "true",
    "(-128)::TINYINT",
    "(-32768)::SMALLINT",
    "2147483647",
    "-9223372036854775808",
    "255::UTINYINT",
    "65535::USMALLINT",
    "4294967295::UINTEGER",
    "18446744073709551615::UBIGINT",
    "170141183460469231731687303715884105727::HUGEINT",
    "340282366920938463463374607431768211455::UHUGEINT",
    "'nan'::FLOAT",
    "-0.0::DOUBLE",
    "'-infinity'::DOUBLE",
    "99999999999999999999999999999999999.999::DECIMAL(38,3)",
    "-0.5::DECIMAL(4,4)",
    "'😀 \"quoted\"'",
    "''",
    "'\\x00\\xFF'::BLOB",
    "'infinity'::DATE",
    "'0044-03-15 (BC)'::DATE",
    "TIME '24:00:00'",
    "TIME '23:59:59.999999'",
    "'23:59:59+15:59'::TIMETZ",
    "'-infinity'::TIMESTAMP",
    "'2020-02-29 12:00:00.000001'::TIMESTAMP",
    "'infinity'::TIMESTAMPTZ",
    "'2020-02-29 12:00:00.000001+02'::TIMESTAMPTZ",
    "'2020-02-29 12:00:00'::TIMESTAMP_S",
    "'2020-02-29 12:00:00.001'::TIMESTAMP_MS",
    "'2020-02-29 12:00:00.000000001'::TIMESTAMP_NS",
    "INTERVAL '-1 month 2 days 3 microseconds'",
    "'c0ffee00-c0ff-eec0-ffee-c0ffeec0ffee'::UUID",
    "'01011'::BIT",
    "'b'::ENUM('a','b')",
    "'{\"a\": [1, 2.50]}'::JSON",
    "[1, NULL, 3]",
    "[['a'], []]",
    "['c0ffee00-c0ff-eec0-ffee-c0ffeec0ffee'::UUID]",
]


@pytest.fixture
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        yield session


@pytest.mark.parametrize("value", [*_VALUES, "NULL::BLOB", "NULL::UUID[]"])
def test_a_value_goes_out_and_comes_back_the_same(
    session: duckdb.DuckDBPyConnection, value: str
) -> None:
    query = f"SELECT {value} AS v"
    column = Column("v", str(session.sql(query).types[0]))
    rows = list(batches(session, query))
    assert [batch.schema for batch in rows] == [arrow_schema(Schema((column,)))]
    session.register("rows", pa.Table.from_batches(rows))
    back = f"SELECT {arrived(column)} FROM rows"
    described = [str(type_) for type_ in session.sql(back).types]
    assert described == [column.type]
    same = session.execute(
        f"SELECT came.v IS NOT DISTINCT FROM sent.v, came.v::VARCHAR, sent.v::VARCHAR "
        f"FROM ({back}) AS came, ({query}) AS sent"
    ).fetchone()
    assert same is not None
    assert same[0], same
    assert same[1] == same[2]


def test_rows_leave_in_batches_of_the_size_that_was_asked_for(
    session: duckdb.DuckDBPyConnection,
) -> None:
    sizes = [batch.num_rows for batch in batches(session, "FROM range(10)", 4)]
    assert sum(sizes) == 10
    assert max(sizes) <= 4


def test_a_million_rows_leave_without_being_gathered(session: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT i, repeat('x', 200) FROM range(1000000) AS t(i)"
    rows = batches(session, query)
    next(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(batch.num_rows for batch in rows) > 900_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_session_is_free_again_when_its_batches_are_given_up(
    session: duckdb.DuckDBPyConnection,
) -> None:
    rows = batches(session, "FROM range(1000000)")
    next(rows)
    rows.close()
    assert session.execute("SELECT 1").fetchall() == [(1,)]
