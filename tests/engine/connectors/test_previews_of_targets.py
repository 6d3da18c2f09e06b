"""A preview looks at its target and leaves it alone, whatever the target is."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bucket import Bucket
from exchange import Exchange
from mariadb import Shop, mariadb_connection
from pipelines import Databases, connection, plan, secrets
from shelf import Shelf, values

from engine.loads.write_plan import WritePlan
from engine.plan import Input, PlanConnection, Step
from engine.previews.previewing import preview

READ = values([("id", "integer"), ("v", "varchar")], [1, "a"], [2, "b"], [3, "c"])
MAKE = "create table t (id int primary key, v varchar(20))"
FILL = "insert into t values (2, 'old'), (9, 'old')"


@dataclass(frozen=True)
class Place:
    """A target that holds keys 2 and 9; ``state`` is all that could be changed there."""

    kind: str
    config: dict[str, Any]
    connection: PlanConnection
    state: Callable[[], Any]
    modes: tuple[str, ...] = ("append", "replace", "upsert", "delete_insert")

    def planned(self, mode: str) -> WritePlan:
        keys = {"keys": ["id"]} if mode in ("upsert", "delete_insert") else {}
        config = {"connection": "place", "mode": mode, **self.config, **keys}
        edges = (Input(port="in", step="read"),)
        write = Step(key="write", name="write", kind=self.kind, config=config, inputs=edges)
        wanted = plan([READ, write], {"place": self.connection})
        sealed = self.connection.sealed
        opened = {"password": sealed} if sealed else {}
        found = preview(wanted, "write", secrets=lambda connection: opened).write
        assert found is not None
        return found


@pytest.fixture
def postgresql(databases: Databases) -> Iterator[Place]:
    """As somebody who may read and nothing else, so that no write would pass unseen."""
    url = databases.target_url
    reader = f"reader_{urlsplit(url).path[1:]}"
    make = f"create role {reader} login password 'reads'"
    grants = f"grant usage on schema public to {reader}", f"grant select on t to {reader}"
    databases.in_target(MAKE, FILL, make, *grants)
    reading = connection(url, user=reader, password="reads")
    yield Place("database_target", {"table": "t"}, reading, lambda: databases.in_target("table t"))
    databases.in_target(f"drop owned by {reader}", f"drop role {reader}")


@pytest.fixture
def mysql(shop: Shop) -> Iterator[Place]:
    name = urlsplit(shop.url).path[1:]
    shop.sql(MAKE, FILL, "create user reader", f"grant select on {name}.* to reader")
    reading = mariadb_connection(shop.url, user="reader", password="")
    yield Place(
        "database_target", {"table": "t"}, reading, lambda: shop.sql("select * from t order by id")
    )
    shop.sql("drop user reader")


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FLOWADMIN_FILE_ROOTS", str(tmp_path))
    file = tmp_path / "a.db"
    with sqlite3.connect(file) as made:
        made.execute(MAKE)
        made.execute(FILL)
    made.close()
    options = {"dialect": "sqlite", "database": str(file)}
    writing = PlanConnection(connector="sqlalchemy", options=options)

    def state() -> str:
        return hashlib.sha256(file.read_bytes()).hexdigest()

    return Place("database_target", {"table": "t"}, writing, state, ("append", "replace"))


@pytest.fixture
def mongodb(shelf: Shelf) -> Place:
    shelf.put("t", {"_id": 1, "id": 2, "v": "old"}, {"_id": 2, "id": 9, "v": "old"})
    shelf.database["t"].create_index("id", unique=True)

    def state() -> Any:
        return {name: shelf.all(name) for name in shelf.database.list_collection_names()}

    writing = PlanConnection(connector="mongodb", options=shelf.options)
    return Place("mongodb_target", {"collection": "t"}, writing, state)


@pytest.fixture
def files(exchange: Exchange) -> Place:
    exchange.write("t/part-old.csv", "id,v\n2,old\n9,old\n")
    writing = PlanConnection(connector="files", options={"root": str(exchange.root)})

    def state() -> Any:
        return {path: path.stat().st_mtime_ns for path in exchange.root.rglob("*")}

    config = {"path": "t", "partition_by": ["v"]}
    return Place("file_target", config, writing, state, ("append", "replace"))


@pytest.fixture
def s3(bucket: Bucket) -> Place:
    bucket.put("shop/t/part-old.csv", "id,v\n2,old\n9,old\n")
    writing = PlanConnection(connector="remote_files", options=bucket.options)

    def state() -> Any:
        names = bucket.keys()
        return [(name, bucket.get(name)) for name in names]

    config = {"path": "t", "partition_by": ["v"]}
    return Place("file_target", config, writing, state, ("append", "replace"))


WITH_KEYS = ["postgresql", "mysql", "mongodb"]


@pytest.fixture(params=[*WITH_KEYS, "sqlite", "files", "s3"])
def place(request: pytest.FixtureRequest) -> Place:
    made: Place = request.getfixturevalue(request.param)
    return made


def test_a_target_is_as_it_was(place: Place) -> None:
    before = place.state()
    for mode in place.modes:
        place.planned(mode)
        assert place.state() == before


@pytest.mark.parametrize("place", WITH_KEYS, indirect=True)
def test_rows_are_told_by_key_from_the_real_target(place: Place) -> None:
    effect = place.planned("upsert").effect
    assert (effect.insert, effect.update, effect.delete) == (2, 1, 0)
    assert effect.known_keys == (("2",),)
    effect = place.planned("delete_insert").effect
    assert (effect.insert, effect.update, effect.delete) == (3, 0, 1)


def test_replace_says_how_many_rows_would_go(mysql: Place, sqlite: Place, mongodb: Place) -> None:
    assert [place.planned("replace").effect.delete for place in (mysql, sqlite, mongodb)] == [2] * 3


@pytest.mark.parametrize("name", ["files", "s3"])
def test_files_are_named_with_what_becomes_of_them(
    request: pytest.FixtureRequest, name: str
) -> None:
    place: Place = request.getfixturevalue(name)
    created = [(f"t/v={letter}/part-*.csv", "created") for letter in "abc"]
    appended, replaced = place.planned("append"), place.planned("replace")
    assert [(file.path, file.fate) for file in appended.files] == created
    assert [(file.path, file.fate) for file in replaced.files] == [
        *created,
        ("t/part-old.csv", "removed"),
    ]


def test_a_single_file_is_replaced_and_a_strange_one_is_in_the_way(
    files: Place, exchange: Exchange
) -> None:
    exchange.write("t/notes.txt", "mine")
    exchange.write("one.csv", "id\n1\n")
    assert [(f.path, f.fate) for f in files.planned("replace").files][-2:] == [
        ("t/notes.txt", "blocks"),
        ("t/part-old.csv", "removed"),
    ]
    files.config.update(path="one.csv", partition_by=[])
    (change,) = files.planned("replace").files
    assert (change.path, change.fate, change.bytes) == ("one.csv", "replaced", 5)


def test_keys_of_mysql_are_compared_as_its_columns_compare(shop: Shop) -> None:
    shop.sql(
        "create table `50% t` (d decimal(30,2), `w %s` varchar(9), at timestamp(3), b bigint)",
        "insert into `50% t` values (1.5, 'É', '2026-01-02 03:04:05.006', 9007199254740993)",
    )
    columns = [("d", "varchar"), ("w %s", "varchar"), ("at", "timestamptz"), ("b", "bigint")]
    rows = ["1.50", "é", "2026-01-02T03:04:05.006Z", 9007199254740993], ["1.51", "é", None, 1]
    read = values(columns, *rows)
    config = {"connection": "place", "table": "50% t", "mode": "delete_insert"}
    write = Step(
        key="write",
        name="write",
        kind="database_target",
        config={**config, "keys": [name for name, _ in columns]},
        inputs=(Input(port="in", step="read"),),
    )
    wanted = plan([read, write], {"place": mariadb_connection(shop.url)})
    found = preview(wanted, "write", secrets=secrets).write
    assert found is not None
    assert (found.effect.insert, found.effect.delete) == (2, 1)
