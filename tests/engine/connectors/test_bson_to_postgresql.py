"""Values of every type of BSON on their way to PostgreSQL: they arrive exactly, or loudly fail."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from pipelines import Databases, connection, plan, secrets, target
from shelf import Shelf, read

from engine.interpreter import run
from engine.outcome import RunOutcome
from engine.plan import PlanConnection

MISSING = object()
ID = "65d0c0ffeec0ffeec0ffee00"
#: What a field holds, one document each; the type of the column made for it, and its texts.
FIELDS: dict[str, tuple[list[Any], str, list[str | None]]] = {
    "objectId": ([ObjectId(ID)], "text", [ID]),
    "bool": ([True, False], "boolean", ["true", "false"]),
    "int": ([2**31 - 1, -(2**31)], "bigint", ["2147483647", "-2147483648"]),
    "int and long": ([1, Int64(2**53 + 1)], "bigint", ["1", "9007199254740993"]),
    "long": (
        [Int64(2**63 - 1), Int64(-(2**63))],
        "bigint",
        ["9223372036854775807", "-9223372036854775808"],
    ),
    "double": (
        [0.1, 5e-324, float("nan"), float("inf"), float("-inf"), -0.0],
        "double precision",
        ["0.1", "5e-324", "NaN", "Infinity", "-Infinity", "-0"],
    ),
    "int and double": ([1, 0.5], "double precision", ["1", "0.5"]),
    "decimal": (
        [Decimal128("12345678901234567890.123"), Decimal128("-1")],
        "numeric",
        ["12345678901234567890.123", "-1.000"],
    ),
    "int and decimal": ([2, Decimal128("1.50")], "numeric", ["2.00", "1.50"]),
    "strange decimal": (
        [Decimal128("NaN"), Decimal128("1E+6144"), Decimal128("-Infinity")],
        "json",
        [
            '{"$numberDecimal": "NaN"}',
            '{"$numberDecimal": "1.000000000000000000000000000000000E+6144"}',
            '{"$numberDecimal": "-Infinity"}',
        ],
    ),
    "date": (
        [
            datetime(2024, 2, 29, 12, 0, 0, 1000, UTC),
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999000, UTC),
        ],
        "timestamp with time zone",
        ["2024-02-29 12:00:00.001+00", "0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999+00"],
    ),
    "date beyond Python's": (
        [DatetimeMS(253_402_300_800_000), DatetimeMS(-62_135_596_800_001)],
        "timestamp with time zone",
        ["10000-01-01 00:00:00+00", "0001-12-31 23:59:59.999+00 BC"],
    ),
    "string": (["", "NULL", "ž 🐎\t'\"\\\n"], "text", ["", "NULL", "ž 🐎\t'\"\\\n"]),
    "binData": ([b"", b"\x00\xff"], "bytea", ["\\x", "\\x00ff"]),
    "binData of other subtypes": (
        [Binary(b"\x02", 128), Binary(b"\x03" * 16, 3)],
        "bytea",
        ["\\x02", "\\x" + "03" * 16],
    ),
    "uuid": ([uuid.UUID(int=7)], "uuid", ["00000000-0000-0000-0000-000000000007"]),
    "regex": (
        [Regex("^a", "i")],
        "json",
        ['{"$regularExpression": {"pattern": "^a", "options": "i"}}'],
    ),
    "timestamp": ([Timestamp(1, 2)], "json", ['{"$timestamp": {"t": 1, "i": 2}}']),
    "code": ([Code("f()")], "json", ['{"$code": "f()"}']),
    "minKey and maxKey": ([MinKey(), MaxKey()], "json", ['{"$minKey": 1}', '{"$maxKey": 1}']),
    "object": ([{"a": {"b": [1, None]}, "c": 1}], "json", ['{"a": {"b": [1, null]}, "c": 1}']),
    "array": ([[1, "x", {"y": None}], []], "json", ['[1, "x", {"y": null}]', "[]"]),
    "null and missing": ([None, MISSING, "x"], "text", [None, None, "x"]),
    "mixed": (
        [1, "x", True, 0.5, None, ObjectId(ID)],
        "json",
        ["1", '"x"', "true", "0.5", None, f'{{"$oid": "{ID}"}}'],
    ),
}  # fmt: skip


def load(shelf: Shelf, databases: Databases, **config: Any) -> RunOutcome:
    into = target("write", "t", "read", config={"create_table": True})
    documents = PlanConnection(connector="mongodb", options=shelf.options)
    connections = {"shelf": documents, "target": connection(databases.target_url)}
    made = plan([read("c", **config), into], connections)
    return run(made, run_id="r", secrets=lambda c: secrets(c) if c.sealed else {})


def test_values_arrive_as_they_were(shelf: Shelf, databases: Databases) -> None:
    columns = zip_longest(*(values for values, _, _ in FIELDS.values()), fillvalue=MISSING)
    for place, values in enumerate(columns):
        named = zip(FIELDS, values, strict=True)
        shelf.put("c", {"place": place, **{n: v for n, v in named if v is not MISSING}})
    load(shelf, databases).raise_failure()
    found = {name: (type_of(databases, name), texts(databases, name)) for name in FIELDS}
    assert found == {
        name: (type_, [*shown, *[None] * (6 - len(shown))])
        for name, (_, type_, shown) in FIELDS.items()
    }


def type_of(databases: Databases, name: str) -> str:
    """As PostgreSQL writes it."""
    query = f'select format_type(pg_typeof("{name}"), -1) from t limit 1'
    return str(databases.in_target(query)[0][0])


def texts(databases: Databases, name: str) -> list[str | None]:
    query = f'select "{name}"::text from t order by place'
    return [text for (text,) in databases.in_target("set timezone = 'UTC'", query)]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.5, Int64(2**53 + 1)], "9007199254740993 (int) cannot be read exactly as DOUBLE"),
        (["a\0b"], "NULL-byte"),
    ],
)
def test_what_has_no_equal_fails_and_loads_nothing(
    shelf: Shelf, databases: Databases, values: list[Any], said: str
) -> None:
    shelf.put("c", *({"v": value} for value in values))
    (failure,) = load(shelf, databases).failures
    assert said in failure.message
    assert databases.in_target("select to_regclass('t')::text") == [(None,)]
