"""Values of every type on their way from and to MariaDB: they arrive exactly, or loudly fail."""

from __future__ import annotations

import pytest
from mariadb import Shop
from pipelines import Databases, connection, source, target

#: PostgreSQL's types and values, and the type of MariaDB that takes them as they are.
FROM_POSTGRESQL = [
    ("bigint", "-9223372036854775808", "bigint", "-9223372036854775808"),
    ("numeric(38,10)", "0.0123456789", "decimal(38,10)", "0.0123456789"),
    ("real", "3.4028235e+38", "float", "3.40282e38"),
    ("double precision", "5e-324", "double", "5e-324"),
    ("boolean", "true", "boolean", "1"),
    ("text", "it's \\ \"🐎\"", "text", "it's \\ \"🐎\""),
    ("bytea", "\\x00ff27", "varbinary(3)", "\x00ÿ'"),
    ("uuid", "c0ffee00-c0ff-eec0-ffee-c0ffeec0ffee", "uuid",
     "c0ffee00-c0ff-eec0-ffee-c0ffeec0ffee"),
    ("date", "9999-12-31", "date", "9999-12-31"),
    ("time", "23:59:59.999999", "time(6)", "23:59:59.999999"),
    ("timestamp", "2020-02-29 12:00:00.000001", "datetime(6)", "2020-02-29 12:00:00.000001"),
    ("timestamptz", "2020-02-29 12:00:00+05:30", "timestamp", "2020-02-29 06:30:00"),
    ("timestamptz", "2020-02-29 12:00:00+05:30", "datetime", "2020-02-29 06:30:00"),
    ("jsonb", '{"a": 1}', "json", '{"a": 1}'),
    ("inet", "10.0.0.1/32", "varchar(20)", "10.0.0.1/32"),
    ("int[]", "{1,2}", "varchar(20)", "{1,2}"),
    ("interval", "1 mon 2 days", "varchar(30)", "1 month 2 days"),
]  # fmt: skip
#: What a table cannot take as it is: PostgreSQL's type and value, the column, and what is said.
TOO_MUCH = [
    ("text", "long", "varchar(3)", "Data too long"),
    ("bigint", "300", "tinyint unsigned", "out of range"),
    ("double precision", "NaN", "double", "is not finite"),
    ("timestamp", "infinity", "datetime", "is infinite"),
    ("date", "infinity", "date", "Incorrect date value"),
    ("date", "0044-03-15 BC", "date", "Incorrect date value"),
    ("timestamp", "2020-01-01 00:00:00.5", "datetime", "more digits of a second"),
    ("timestamptz", "1969-01-01 00:00:00+00", "timestamp", "Incorrect datetime value"),
    ("smallint", "20", "year", "no year from 1901 to 2155"),
    ("bytea", "\\x01", "binary(2)", "filled up with zeros"),
    ("text", "c", "enum('a','b')", "Data truncated"),
    ("text", "2020-13-01", "varchar(5)", "Data too long"),
    ("text", "{", "json", "CONSTRAINT"),
]


def test_long_texts_and_bytes_arrive_as_they_were(shop: Shop) -> None:
    fields = "(i int primary key, v mediumtext, w longblob)"
    shop.sql(f"create table s {fields}", f"create table t {fields}")
    shop.sql("insert into s values (1, repeat('\"', 1000000), repeat(x'22ff', 500000))")
    shop.run(source("r", "s"), target("w", "t", "r")).raise_failure()
    assert shop.sql("select s.v = t.v, s.w = t.w from s join t using (i)") == [(1, 1)]


@pytest.mark.parametrize(("type_", "value", "native", "shown"), FROM_POSTGRESQL)
def test_values_of_postgresql_arrive_in_mariadb(
    shop: Shop, databases: Databases, type_: str, value: str, native: str, shown: str
) -> None:
    escaped = value.replace("'", "''")
    databases.in_source(f"create table s as select '{escaped}'::{type_} as v union all select null")
    shop.sql(f"create table t (v {native} null)")
    origin = connection(databases.source_url)
    shop.run(source("r", "s"), target("w", "t", "r"), source=origin).raise_failure()
    given = "set time_zone = '+00:00'"
    encoded = "latin1" if "binary" in native else "utf8mb4"
    found = shop.sql(given, f"select convert(v using {encoded}) from t where v is not null")
    assert found == [(shown,)]
    assert shop.sql("select count(*) from t") == [(2,)]


@pytest.mark.parametrize(("type_", "value", "native", "said"), TOO_MUCH)
def test_what_a_column_cannot_take_fails_and_leaves_the_table_as_it_was(
    shop: Shop, databases: Databases, type_: str, value: str, native: str, said: str
) -> None:
    databases.in_source(f"create table s as select '{value}'::{type_} as v")
    shop.sql(f"create table t (v {native} null)")
    origin = connection(databases.source_url)
    (failure,) = shop.run(source("r", "s"), target("w", "t", "r"), source=origin).failures
    assert said.lower() in failure.message.lower()
    assert failure.permanent
    assert shop.sql("select count(*) from t") == [(0,)]


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("date", "0000-00-00"),
        ("date", "2020-00-01"),
        ("datetime", "0000-00-00 00:00:00"),
        ("timestamp", "0000-00-00 00:00:00"),
    ],
)
def test_a_date_of_no_calendar_names_its_column_and_offers_a_cast(
    shop: Shop, type_: str, value: str
) -> None:
    shop.sql(
        f"create table s (d {type_})", "set sql_mode = ''", f"insert into s values ('{value}')"
    )
    shop.sql("create table t (d varchar(30))")
    (failure,) = shop.run(source("r", "s"), target("w", "t", "r")).failures
    assert (failure.step, failure.code) == ("r", "E_VALUE")
    assert f"column 'd' ({type_}) holds '{value}'" in failure.message
    assert f"NULLIF(`d`, '{value}')" in failure.message


def test_a_row_that_no_packet_holds_fails_instead_of_being_empty(shop: Shop) -> None:
    shop.sql("create table s (a longtext, b longtext)", "create table t (a longtext, b longtext)")
    shop.sql("insert into s values (repeat('a', 9000000), repeat('b', 9000000))")
    (failure,) = shop.run(source("r", "s"), target("w", "t", "r")).failures
    assert "max_allowed_packet" in failure.message


def test_a_table_of_one_column_keeps_its_empty_rows(shop: Shop) -> None:
    shop.sql("create table s (v varchar(3))", "create table t (v varchar(3))")
    shop.sql("insert into s values (null), (''), (null), ('a')")
    shop.run(source("r", "s"), target("w", "t", "r")).raise_failure()
    assert shop.sql("select count(*), sum(v is null), sum(v = '') from t") == [(4, 2, 1)]


def test_a_created_table_holds_every_type(shop: Shop, databases: Databases) -> None:
    databases.in_source(
        "create table s as select 1::smallint a, 2::bigint b, 1.5::numeric(9,4) c, 'x'::text d, "
        "true e, '\\x00'::bytea f, date '2020-01-01' g, time '01:02:03.000004' h, "
        "timestamp '2020-01-01 00:00:00.000001' i, now() j, gen_random_uuid() k, 0.1::real l"
    )
    create = target("w", "t", "r", config={"create_table": True})
    shop.run(source("r", "s"), create, source=connection(databases.source_url)).raise_failure()
    assert shop.sql("select a, b, c, e, h, l = 0.1 from t")[0][:2] == (1, 2)
