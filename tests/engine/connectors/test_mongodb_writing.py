"""From rows to documents: types, modes, refusals; each load exactly once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId
from pymongo import ASCENDING
from shelf import Shelf, read, values, write

from engine.connectors.mongodb import Mongodb
from engine.errors import EngineError
from engine.outcome import RunOutcome
from engine.plan import Step
from engine.previews.previewing import preview
from engine.samples.sample import Extent
from engine.transfer import Watermark

UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
IDS = [("id", "integer"), ("word", "varchar")]


def failure(outcome: RunOutcome) -> str:
    (found,) = outcome.failures
    return str(found)


def left_over(shelf: Shelf) -> list[str]:
    names = shelf.database.list_collection_names()
    return [name for name in names if name.startswith("flowadmin_staged")]


def test_values_get_the_type_that_holds_them(shelf: Shelf) -> None:
    columns = [
        ("i", "integer", 1, 1),
        ("l", "bigint", 2**53 + 1, Int64(2**53 + 1)),
        ("h", "hugeint", "99999999999999999999", Decimal128("99999999999999999999")),
        ("d", "decimal(12,3)", "1.250", Decimal128("1.250")),
        ("f", "double", 0.1, 0.1),
        ("b", "boolean", True, True),
        ("day", "date", "2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        (
            "at",
            "timestamptz",
            "2026-03-01 12:00:00.123+02",
            datetime(2026, 3, 1, 10, 0, 0, 123000, tzinfo=UTC),
        ),
        ("time", "time", "12:30:00", "12:30:00"),
        (
            "u",
            "uuid",
            "12345678-1234-5678-1234-567812345678",
            uuid.UUID(int=0x12345678123456781234567812345678),
        ),
        ("t", "varchar", "ä\n", "ä\n"),
        ("n", "varchar", None, None),
    ]
    source = values(
        [(name, type_) for name, type_, _, _ in columns], [cell for *_, cell, _ in columns]
    )
    assert shelf.run(source, write("t")).ok
    (found,) = shelf.all("t")
    assert {name: found[name] for name in found if name != "_id"} == {
        name: value for name, _, _, value in columns
    }
    assert isinstance(found["l"], Int64)


def test_text_can_become_ids_and_documents(shelf: Shelf) -> None:
    text = "65f0a1b2c3d4e5f6a7b8c9d0"
    source = values([("ref", "varchar"), ("tags", "varchar")], [text, '{"a": [1, 2.5, "x"]}'])
    columns = [
        {"column": "ref", "target": "customer.ref", "store_as": "objectid"},
        {"column": "tags", "store_as": "json"},
    ]
    assert shelf.run(source, write("t", columns=columns)).ok
    (found,) = shelf.all("t")
    assert found["customer"] == {"ref": ObjectId(text)}
    assert found["tags"] == {"a": [1, 2.5, "x"]}


def test_text_that_is_no_id_is_refused_by_name(shelf: Shelf) -> None:
    source = values([("ref", "varchar")], ["abc"])
    columns = [{"column": "ref", "store_as": "objectid"}]
    said = failure(shelf.run(source, write("t", columns=columns)))
    assert "value 'abc' cannot be stored in field 'ref'" in said
    assert "t" not in shelf.database.list_collection_names()


def test_each_mode_does_its_own(shelf: Shelf) -> None:
    arriving = values(IDS, [1, "new"], [2, "new"])
    for mode, expected in {
        "append": [(1, "new", None), (1, "old", 7), (2, "new", None), (3, "old", 7)],
        "replace": [(1, "new", None), (2, "new", None)],
        "upsert": [(1, "new", 7), (2, "new", None), (3, "old", 7)],
        "delete_insert": [(1, "new", None), (2, "new", None), (3, "old", 7)],
    }.items():
        shelf.put(mode, *({"id": i, "word": "old", "kept": 7} for i in (1, 3)))
        if mode == "upsert":
            shelf.database[mode].create_index("id", unique=True)
        keys = {"keys": ["id"]} if mode in ("upsert", "delete_insert") else {}
        outcome = shelf.run(arriving, write(mode, mode, **keys), run_id=mode)
        assert outcome.ok, outcome.failures
        assert outcome.nodes["write"].rows_out == 2
        assert shelf.values(mode, "id", "word", "kept") == expected
    assert left_over(shelf) == []


def test_an_upsert_by_several_keys_makes_its_collection(shelf: Shelf) -> None:
    columns = [("a", "integer"), ("b", "varchar"), ("v", "integer")]
    target = write("t", "upsert", keys=["a", "b"])
    assert shelf.run(values(columns, [1, "x", 1], [1, "y", 1]), target, run_id="one").ok
    assert shelf.run(values(columns, [1, "y", 2], [2, "x", 2]), target, run_id="two").ok
    assert shelf.values("t", "a", "b", "v") == [(1, "x", 1), (1, "y", 2), (2, "x", 2)]


def test_documents_can_be_upserted_by_their_id(shelf: Shelf) -> None:
    shelf.put("t", {"_id": 1, "word": "old", "kept": 7})
    columns = [{"column": "id", "target": "_id"}, {"column": "word"}]
    target = write("t", "upsert", keys=["_id"], columns=columns)
    assert shelf.run(values(IDS, [1, "new"], [2, "new"]), target).ok
    assert shelf.all("t") == [{"_id": 1, "word": "new", "kept": 7}, {"_id": 2, "word": "new"}]


def test_delete_insert_takes_many_rows_of_a_key(shelf: Shelf) -> None:
    shelf.put("t", {"a": 1, "b": 1, "v": 0}, {"a": 1, "b": 2, "v": 0})
    source = values([("a", "integer"), ("b", "integer"), ("v", "integer")], [1, 1, 1], [1, 1, 2])
    assert shelf.run(source, write("t", "delete_insert", keys=["a", "b"])).ok
    assert shelf.values("t", "a", "b", "v") == [(1, 1, 1), (1, 1, 2), (1, 2, 0)]


@pytest.mark.parametrize("mode", ["append", "replace", "upsert", "delete_insert"])
def test_the_same_run_loads_once(shelf: Shelf, mode: str) -> None:
    keys = {"keys": ["id"]} if mode in ("upsert", "delete_insert") else {}
    target = write("t", mode, **keys)
    first = shelf.run(values(IDS, [1, "a"], [2, "b"]), target)
    shelf.database["t"].update_one({"id": 1}, {"$set": {"word": "changed since"}})
    again = shelf.run(values(IDS, [1, "a"], [2, "b"]), target)
    assert first.nodes["write"].rows_out == again.nodes["write"].rows_out == 2
    assert shelf.values("t", "id", "word") == [(1, "changed since"), (2, "b")]


def test_a_replaced_collection_keeps_its_indexes(shelf: Shelf) -> None:
    shelf.put("t", {"id": 5})
    shelf.database["t"].create_index([("id", ASCENDING)], unique=True, name="by_id")
    assert shelf.run(values(IDS, [1, "a"]), write("t", "replace")).ok
    index = shelf.database["t"].index_information()["by_id"]
    assert index["unique"]


def test_a_row_that_a_unique_index_refuses_leaves_the_old_documents(shelf: Shelf) -> None:
    shelf.put("t", {"id": 2, "word": "old"})
    shelf.database["t"].create_index("id", unique=True)
    source = values(IDS, [1, "a"], [2, "b"])
    outcome = shelf.run(source, write("t"))
    assert outcome.failures[0].code == "E_LOAD_CONSTRAINT"
    assert "collection 't'" in failure(outcome)
    assert shelf.values("t", "id", "word") == [(2, "old")]
    assert left_over(shelf) == []
    shelf.database["t"].delete_one({"id": 2})
    assert shelf.run(source, write("t")).ok
    assert shelf.values("t", "id") == [(1,), (2,)]


def test_a_key_that_arrives_twice_is_named(shelf: Shelf) -> None:
    source = values(IDS, [1, "a"], [7, "b"], [7, "c"])
    outcome = shelf.run(source, write("t", "upsert", keys=["id"]))
    assert outcome.failures[0].code == "E_LOAD_KEY_REPEATED"
    assert "several rows have the key id = '7'" in failure(outcome)
    assert left_over(shelf) == []


def test_a_key_without_value_is_refused(shelf: Shelf) -> None:
    source = values(IDS, [None, "a"])
    said = failure(shelf.run(source, write("t", "delete_insert", keys=["id"])))
    assert "a row has NULL in key 'id'" in said


def test_a_query_that_fails_leaves_everything_as_it_was(shelf: Shelf) -> None:
    shelf.put("t", {"id": 1})
    shelf.put("s", *({"_id": i, "v": i} for i in range(12_000)))
    shelf.database["s"].update_one({"_id": 11_000}, {"$set": {"v": "x"}})
    outcome = shelf.run(read("s", sample_documents=5), write("t", "replace"))
    assert outcome.failures[0].step == "read"
    assert shelf.values("t", "id") == [(1,)]
    assert left_over(shelf) == []


def incremental(field: str = "_id") -> Step:
    fields = [{"path": "_id", "name": "id", "type": "bigint"}]
    return read("s", fields=fields, incremental={"field": field})


def test_only_new_documents_are_read_and_the_watermark_moves_with_the_load(shelf: Shelf) -> None:
    shelf.put("s", {"_id": 1}, {"_id": 2})
    target = write("t")
    for run_id, new in [("one", 3), ("two", 4), ("three", 5)]:
        assert shelf.run(incremental(), target, run_id=run_id).ok
        shelf.put("s", {"_id": new})
    assert shelf.values("t", "id") == [(1,), (2,), (3,), (4,)]


def test_a_load_that_was_decided_counts_before_its_watermark_is_moved(shelf: Shelf) -> None:
    shelf.put("s", {"_id": 1})
    assert shelf.run(incremental(), write("t"), run_id="one").ok
    shelf.database["flowadmin_watermarks"].delete_many({})
    shelf.database["flowadmin_ledger"].update_one({}, {"$set": {"state": "staged"}})
    (entry,) = shelf.all("flowadmin_ledger")
    (mark,) = entry["watermarks"]
    asked = Watermark("w", "read", "write", mark["scope"])
    assert Mongodb().watermark(shelf.config, asked) == mark["after"]
    shelf.put("s", {"_id": 2})
    assert shelf.run(incremental(), write("t"), run_id="two").ok
    assert shelf.values("t", "id") == [(1,), (2,)]
    assert [entry["state"] for entry in shelf.all("flowadmin_ledger")] == ["loaded", "loaded"]


def test_what_another_run_left_decided_is_finished_first(shelf: Shelf) -> None:
    assert shelf.run(values(IDS, [1, "a"]), write("t"), run_id="one").ok
    shelf.database["t"].rename("flowadmin_staged_by_hand")
    staged = {"state": "staged", "staged": "flowadmin_staged_by_hand"}
    shelf.database["flowadmin_ledger"].update_one({}, {"$set": staged})
    assert shelf.run(values(IDS, [2, "b"]), write("t"), run_id="two").ok
    assert shelf.values("t", "id") == [(1,), (2,)]
    assert left_over(shelf) == []


def test_what_another_run_left_decided_and_is_refused_does_not_stop_this_one(shelf: Shelf) -> None:
    assert shelf.run(values(IDS, [1, "a"]), write("t"), run_id="one").ok
    shelf.database["t"].rename("flowadmin_staged_by_hand")
    staged = {"state": "staged", "staged": "flowadmin_staged_by_hand"}
    shelf.database["flowadmin_ledger"].update_one({}, {"$set": staged})
    shelf.put("t", {"id": 1, "word": "mine"})
    shelf.database["t"].create_index("id", unique=True)
    assert shelf.run(values(IDS, [2, "b"]), write("t"), run_id="two").ok
    assert shelf.values("t", "id", "word") == [(1, "mine"), (2, "b")]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"columns": [{"column": "id", "target": "_id"}]}, "an _id of its own"),
        ({"columns": [{"column": "idd"}]}, "did you mean 'id'?"),
        ({"mode": "upsert", "keys": ["code"]}, "no column is written to key 'code'"),
        ({"mode": "upsert", "keys": ["word"]}, "no unique index on exactly (word)"),
        (
            {"mode": "upsert", "keys": ["a.id"], "columns": [{"column": "id", "target": "a.id"}]},
            "in the place of all of 'a'",
        ),
        ({"columns": [{"column": "id", "store_as": "json"}]}, "only text can be stored as json"),
    ],
)
def test_what_cannot_be_loaded_safely_is_an_issue(
    shelf: Shelf, settings: dict[str, Any], said: str
) -> None:
    shelf.put("t", {"id": 1})
    shelf.database["t"].create_index("id", unique=True)
    assert said in failure(shelf.run(values(IDS, [1, "a"]), write("t", **settings)))


def test_a_preview_shows_rows_and_what_a_load_would_do(shelf: Shelf) -> None:
    shelf.put("s", *({"_id": i, "id": i, "word": "w"} for i in range(30)))
    shelf.put("t", {"id": 1}, {"id": 2})
    shelf.database["t"].create_index("id", unique=True)
    source = read("s", fields=[{"path": "id"}, {"path": "word"}])
    given = shelf.plan(source, write("t", "replace"))
    shown = preview(given, "write", secrets=lambda c: {}, extent=Extent(rows=5, source_rows=10))
    assert (len(shown.sample.rows), shown.rows["read"]) == (5, 10)
    assert shown.write
    assert shown.write.effect.delete == 2
    assert [column.unfit for column in shown.write.columns] == [0, 0]
    assert shelf.values("t", "id") == [(1,), (2,)]


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "upsert"},
        {"keys": ["id"]},
        {"collection": "system.users"},
        {"columns": [{"column": "a"}, {"column": "b", "target": "a.b"}]},
        {"columns": [{"column": "a", "target": "$where"}]},
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    shelf: Shelf, settings: dict[str, Any]
) -> None:
    with pytest.raises(EngineError):
        shelf.run(values(IDS, [1, "a"]), write(**{"collection": "t", **settings}))
