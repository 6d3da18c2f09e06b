"""From documents to rows: types by sample, exact values, filters and windows."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId, Regex
from shelf import Shelf, read, write

from engine.connectors.mongodb import Mongodb
from engine.connectors.mongodb.config import MongodbConfig
from engine.connectors.mongodb.fields import Field
from engine.connectors.mongodb.filtering import pushed
from engine.errors import ConnectorError, TableNotFound, Unreachable
from engine.media.documents import DocumentExtraction, DocumentField
from engine.schema import Column
from engine.transfer import Extraction, TableName, Window

ID = ObjectId("65f0a1b2c3d4e5f6a7b8c9d0")
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
MOMENT = datetime(2026, 3, 1, 12, 30, 15, 123000, tzinfo=UTC)
UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")


def extraction(collection: str, *fields: DocumentField, **settings: Any) -> DocumentExtraction:
    return DocumentExtraction(table=TableName("", collection), fields=fields, **settings)


def rows(shelf: Shelf, asked: DocumentExtraction) -> list[tuple[Any, ...]]:
    """What is streamed for an extraction."""
    connector = Mongodb()
    reading = connector.reading(shelf.config, asked)
    stream = connector.stream(shelf.config, reading.extraction, reading.schema)
    return [tuple(row.values()) for batch in stream.batches for row in batch.to_pylist()]


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([True, None], "BOOLEAN"),
        ([1, Int64(2**40)], "BIGINT"),
        ([1, 2.5], "DOUBLE"),
        ([Decimal128("1.5"), Decimal128("0.125"), 3], "DECIMAL(38,3)"),
        ([MOMENT], "TIMESTAMP WITH TIME ZONE"),
        (["a"], "VARCHAR"),
        ([ID], "VARCHAR"),
        ([b"x"], "BLOB"),
        ([UUID], "UUID"),
        ([{"a": 1}], "JSON"),
        ([[1]], "JSON"),
        ([1, "a"], "JSON"),
        ([Decimal128("NaN")], "JSON"),
        ([Decimal128("1.5"), 2.5], "JSON"),
        ([None], "JSON"),
        ([Regex("a")], "JSON"),
    ],
)
def test_a_field_has_the_type_that_holds_all_its_values(
    shelf: Shelf, values: list[Any], type_: str
) -> None:
    shelf.put("c", *({"v": value} for value in values))
    assert shelf.types(extraction("c")) == {"_id": "VARCHAR", "v": type_}


def test_values_arrive_exactly(shelf: Shelf) -> None:
    document = {
        "_id": ID,
        "long": Int64(2**53 + 1),
        "decimal": Decimal128("12345678901234567890.123"),
        "moment": MOMENT,
        "text": "zwölf\n",
        "bytes": b"\x00\xff",
        "truth": False,
        "uuid": UUID,
        "nested": {"a": [1, {"b": None}], "when": MOMENT},
    }
    shelf.put("c", document)
    assert shelf.run(read("c"), write("copy", mode="replace")).ok
    nested = shelf.all("copy")[0].pop("nested")
    assert nested["a"] == [1, {"b": None}]
    (copied,) = shelf.all("copy")
    assert {**copied, "nested": None} == {**document, "_id": str(ID), "nested": None}


def test_dots_lead_into_documents_and_arrays(shelf: Shelf) -> None:
    shelf.put("c", {"_id": 1, "a": {"b": 2}, "l": [{"x": 5}, {"x": 6}]}, {"_id": 2, "a": None})
    fields = [
        DocumentField("a.b", "b"),
        DocumentField("l.1.x", "second"),
        DocumentField("l.x", "x"),
    ]
    assert sorted(rows(shelf, extraction("c", *fields)), key=str) == [
        (2, 6, "[5, 6]"),
        (None, None, None),
    ]


def test_a_value_of_another_type_than_the_sample_fails_by_name(shelf: Shelf) -> None:
    shelf.put("c", *({"_id": i, "v": i} for i in range(10)))
    shelf.database["c"].update_one({"_id": 5}, {"$set": {"v": "five"}})
    outcome = shelf.run(read("c", sample_documents=2), write("t", "replace"))
    message = str(outcome.failures[0])
    assert "collection 'c', document 5, field 'v': \"five\" (string) cannot be read exactly as" in (
        message
    )
    assert outcome.failures[0].step == "read"


def test_a_declared_type_wins_over_the_sample(shelf: Shelf) -> None:
    shelf.put("c", {"v": 1}, {"v": 0.25})
    asked = extraction("c", DocumentField("v", "v", "DECIMAL(5,2)"))
    assert sorted(map(str, (v for (v,) in rows(shelf, asked)))) == ["0.25", "1.00"]
    with pytest.raises(ConnectorError, match=r"0\.25 \(double\) cannot be read exactly as DECIMAL"):
        rows(shelf, extraction("c", DocumentField("v", "v", "DECIMAL(5,1)")))


def test_an_empty_collection_needs_declared_fields(shelf: Shelf) -> None:
    shelf.database.create_collection("c")
    with pytest.raises(ConnectorError, match="no documents that would show its fields"):
        shelf.types(extraction("c"))
    assert rows(shelf, extraction("c", DocumentField("v", "v", "BIGINT"))) == []


def test_fields_that_differ_in_case_only_need_names(shelf: Shelf) -> None:
    shelf.put("c", {"Name": 1, "name": 2})
    with pytest.raises(ConnectorError, match="fields 'Name' and 'name', which differ in case"):
        shelf.types(extraction("c"))


def test_a_missing_collection_is_named_with_the_nearest(shelf: Shelf) -> None:
    shelf.put("orders", {"a": 1})
    with pytest.raises(TableNotFound, match=r"no collection 'order' .* did you mean 'orders'\?"):
        shelf.types(extraction("order"))


def test_own_books_are_not_offered(shelf: Shelf) -> None:
    shelf.put("c", {"a": 1})
    assert shelf.run(read("c"), write("t", columns=[{"column": "a"}])).ok
    assert [str(table) for table in Mongodb().tables(shelf.config)] == ["c", "t"]


def test_a_test_says_what_answered(shelf: Shelf) -> None:
    shelf.put("c", {"a": 1})
    said = Mongodb().test(shelf.config)
    assert said.startswith("MongoDB ")
    assert said.endswith(f"database '{shelf.database.name}' with 1 collections")


def test_nobody_at_the_address_is_unreachable() -> None:
    options = {"hosts": "127.0.0.1:1", "database": "d", "options": {"connect_timeout": 1}}
    with pytest.raises(Unreachable, match=r"nothing that can serve answers at 127\.0\.0\.1:1"):
        Mongodb().test(MongodbConfig.model_validate(options))


@pytest.mark.parametrize(
    "hosts", ["mongodb://x", "x/y", "x:port", "a b", "", "x?ssl=1", "u:p@x", "/tmp/mongodb.sock"]
)
def test_what_is_no_host_is_refused(hosts: str) -> None:
    with pytest.raises(ValueError, match="is not a host"):
        MongodbConfig.model_validate({"hosts": hosts, "database": "d"})


FIELDS = {
    name: Field(tuple(path.split(".")), Column(name, type_))
    for name, path, type_ in [
        ("n", "n", "BIGINT"),
        ("s", "a.s", "VARCHAR"),
        ("b", "b", "BOOLEAN"),
        ("t", "t", "TIMESTAMP WITH TIME ZONE"),
        ("d", "d", "DOUBLE"),
        ("j", "j", "JSON"),
    ]
}


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("n > -5 and n <= $top", [{"n": {"$gt": -5}}, {"n": {"$lte": 7}}]),
        ("n = 5", [{"n": {"$in": [5]}}]),
        ("n in (1, 2)", [{"n": {"$in": [1, 2]}}]),
        ("s = 'x'", [{"a.s": {"$in": ["x"]}}]),
        ("b and not b", [{"b": True}, {"b": False}]),
        ("n is not null and n is null", [{"n": {"$ne": None}}, {"n": None}]),
        (
            "t >= cast('2026-03-01' as timestamptz)",
            [{"t": {"$gte": datetime(2026, 3, 1, tzinfo=UTC)}}],
        ),
        ("n > 5 or n < 2", []),
        ("d > 1", []),
        ("s > 'x'", []),
        ("n > 99999999999999999999", []),
        ("j is not null", []),
        ("s is null", []),
        ("lower(s) = 'x' and n > 1", [{"n": {"$gt": 1}}]),
    ],
)
def test_what_means_the_same_in_mongodb_is_asked_there(
    text: str, conditions: list[dict[str, Any]]
) -> None:
    assert pushed(text, FIELDS, {"top": 7}) == conditions


def test_a_filter_lets_the_same_rows_pass_wherever_it_is_decided(shelf: Shelf) -> None:
    shelf.put("c", *({"_id": i, "oid": ObjectId(f"{i:024x}"), "n": i} for i in range(20)))
    shelf.put("c", {"_id": 99})
    condition = f"n % 2 = 0 and n > 5 and n < 15 or oid = '{3:024x}'"
    assert shelf.run(read("c", filter=condition), write("t", mode="replace")).ok
    assert [found for (found,) in shelf.values("t", "n")] == [3, 6, 8, 10, 12, 14]
    assert shelf.run(
        read("c", filter=f"oid = '{3:024x}'"), write("u", mode="replace"), run_id="s"
    ).ok
    assert shelf.values("u", "n") == [(3,)]


def test_a_window_reads_what_is_above_and_not_what_came_later(shelf: Shelf) -> None:
    shelf.put("c", *({"_id": i, "at": MOMENT.replace(minute=i)} for i in range(10)))
    connector, asked = Mongodb(), extraction("c")
    upto = connector.latest(shelf.config, asked, "at")
    shelf.put("c", {"_id": 10, "at": MOMENT.replace(minute=10)})
    shelf.put("early", {"at": MOMENT.replace(minute=6)})
    early = connector.latest(shelf.config, extraction("early"), "at")
    window = Window("at", overlap=60, above=(str(early),), upto=upto)
    found = rows(shelf, extraction("c", DocumentField("_id", "id"), window=window))
    assert sorted(found) == [(6,), (7,), (8,), (9,)]


def test_without_any_value_a_window_is_empty(shelf: Shelf) -> None:
    shelf.put("c", {"_id": 1})
    assert Mongodb().latest(shelf.config, extraction("c"), "at") is None
    assert rows(shelf, extraction("c", window=Window("at"))) == []


def test_other_nodes_cannot_use_the_connection(shelf: Shelf) -> None:
    with pytest.raises(ConnectorError, match="choose a MongoDB node"):
        Mongodb().describe(shelf.config, Extraction(table=TableName("", "c")))
