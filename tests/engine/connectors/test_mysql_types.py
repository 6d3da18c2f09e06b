"""Values of every type on their way from and to MariaDB: they arrive exactly, or loudly fail."""

from __future__ import annotations

import pytest
from mariadb import Shop
from pipelines import Databases, connection, source, target

#: Types, and values as MariaDB writes them in SQL.
TYPES = {
    "tinyint": ["-128", "127"],
    "tinyint unsigned": ["255"],
    "tinyint(1)": ["2"],
    "smallint": ["-32768"],
    "smallint unsigned": ["65535"],
    "mediumint": ["-8388608"],
    "mediumint unsigned": ["16777215"],
    "int": ["-2147483648"],
    "int unsigned": ["4294967295"],
    "int(8) zerofill": ["42"],
    "bigint": ["-9223372036854775808"],
    "bigint unsigned": ["18446744073709551615"],
    "bit(1)": ["1"],
    "bit(64)": ["18446744073709551615"],
    "decimal(15,2)": ["-1234567890123.45"],
    "decimal(38,10)": ["-1234567890123456789012345678.0123456789"],
    "decimal(65,30)": ["-12345678901234567890123456789012345.012345678901234567890123456789"],
    "float": ["0.1", "3.4028234e38"],
    "double": ["0.1", "1.7976931348623157e308", "5e-324"],
    "float(7,2)": ["1.25"],
    "char(5)": ["'ab'", "''"],
    "varchar(300)": [
        "'a\"b''c\\\\d'",
        "'tab\tnewline\n,return\r\n'",
        "'🐎 žluťoučký'",
        "''",
        "'NULL'",
        "char(0, 1, 65 using utf8mb4)",
    ],
    "varchar(10) character set latin1": ["'é€'"],
    "varchar(10) collate utf8mb4_unicode_ci": ["'É'"],
    "tinytext": ["'x'"],
    "mediumtext": ["repeat('\"', 1000000)"],
    "longtext": ["'x'"],
    "enum('a','b c')": ["'b c'"],
    "set('a','b')": ["'a,b'"],
    "json": ["'{\"a\": 1.50}'"],
    "binary(3)": ["x'00ff22'"],
    "varbinary(10)": ["x''", "x'0a0d222c00'"],
    "blob": ["repeat(x'22ff', 1000)"],
    "date": ["'0001-01-01'", "'9999-12-31'"],
    "datetime": ["'2020-02-29 12:00:00'"],
    "datetime(6)": ["'9999-12-31 23:59:59.999999'", "'0001-01-01 00:00:00.000001'"],
    "timestamp(6) null": ["'2020-10-25 02:30:00.000001'", "'1970-01-01 00:00:01'"],
    "time": ["'-838:59:59'"],
    "time(6)": ["'838:59:58.000001'", "'00:00:00'"],
    "year": ["2155", "0", "1901"],
    "point": ["st_geomfromtext('POINT(1.1 -2.2)', 4326)"],
    "uuid": ["'c0ffee00-c0ff-eec0-ffee-c0ffeec0ffee'"],
    "inet6": ["'::1'"],
}
#: The same in PostgreSQL: the type that takes them, and how it shows them.
IN_POSTGRESQL = {
    "bigint unsigned": ("numeric(20,0)", ["18446744073709551615"]),
    "int unsigned": ("bigint", ["4294967295"]),
    "tinyint": ("smallint", ["-128", "127"]),
    "bit(64)": ("numeric(20,0)", ["18446744073709551615"]),
    "decimal(38,10)": ("numeric(38,10)", ["-1234567890123456789012345678.0123456789"]),
    "decimal(65,30)": (
        "text",
        ["-12345678901234567890123456789012345.012345678901234567890123456789"],
    ),
    "float": ("real", ["0.1", "3.4028235e+38"]),
    "double": ("double precision", ["0.1", "1.7976931348623157e+308", "5e-324"]),
    "varchar(10) character set latin1": ("text", ["é€"]),
    "varbinary(10)": ("bytea", ["\\x", "\\x0a0d222c00"]),
    "date": ("date", ["0001-01-01", "9999-12-31"]),
    "datetime(6)": ("timestamp", ["9999-12-31 23:59:59.999999", "0001-01-01 00:00:00.000001"]),
    "timestamp(6) null": (
        "timestamptz",
        ["2020-10-25 02:30:00.000001+00", "1970-01-01 00:00:01+00"],
    ),
    "time": ("text", ["-838:59:59"]),
    "year": ("smallint", ["2155", "0", "1901"]),
    "json": ("json", ['{"a": 1.50}']),
    "set('a','b')": ("text", ["a,b"]),
    "uuid": ("uuid", ["c0ffee00-c0ff-eec0-ffee-c0ffeec0ffee"]),
}
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


def fill(shop: Shop, type_: str) -> int:
    """A table ``s`` with each value of a type and NULL; how many there are."""
    values = [*TYPES[type_], "null"]
    rows = ", ".join(f"({i}, {value})" for i, value in enumerate(values))
    shop.sql(f"create table s (i int primary key, v {type_})")
    shop.sql("set time_zone = '+00:00'", f"insert into s values {rows}")
    return len(values)


@pytest.mark.parametrize("type_", TYPES)
def test_every_value_of_a_mariadb_type_arrives_in_mariadb_as_it_was(shop: Shop, type_: str) -> None:
    count = fill(shop, type_)
    shop.sql(f"create table t (i int primary key, v {type_})")
    shop.run(source("r", "s"), target("w", "t", "r")).raise_failure()
    same = "select sum(hex(s.v) <=> hex(t.v)) from s join t using (i)"
    assert shop.sql(same) == [(count,)]


def test_a_query_yields_the_same_as_its_table(shop: Shop) -> None:
    of_queries = [type_ for type_ in TYPES if type_ != "uuid"]  # a query says that it is text
    names = {f"c{i}": type_ for i, type_ in enumerate(of_queries)}
    fields = ", ".join(f"{name} {type_}" for name, type_ in names.items())
    values = ", ".join(TYPES[type_][-1] for type_ in names.values())
    shop.sql("set time_zone = '+00:00'", f"create table s ({fields})")
    shop.sql("set time_zone = '+00:00'", f"insert into s values ({values})")
    shop.sql("create table t like s")
    shop.run(source("r", sql="select * from `s`"), target("w", "t", "r")).raise_failure()
    same = [f"hex(s.{name}) <=> hex(t.{name})" for name in names]
    found = dict(
        zip(of_queries, shop.sql(f"select {', '.join(same)} from s join t")[0], strict=True)
    )
    assert [type_ for type_, is_same in found.items() if not is_same] == []


@pytest.mark.parametrize("type_", IN_POSTGRESQL)
def test_values_of_mariadb_arrive_in_postgresql(
    shop: Shop, databases: Databases, type_: str
) -> None:
    fill(shop, type_)
    native, shown = IN_POSTGRESQL[type_]
    databases.in_target(f"create table t (i int, v {native})")
    into = connection(databases.target_url)
    shop.run(source("r", "s"), target("w", "t", "r"), target=into).raise_failure()
    found = databases.in_target("set timezone = 'UTC'", "select v::text from t order by i")
    assert [value for (value,) in found] == [*shown, None]


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
    [("date", "0000-00-00"), ("date", "2020-00-01"), ("datetime", "0000-00-00 00:00:00")],
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
