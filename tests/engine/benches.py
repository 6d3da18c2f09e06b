"""Every connector on a real server: a table with rows, a way to read, a way to write.

A connector that is registered and has no bench here fails the tests of all connectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa
import pytest
from bucket import Bucket
from exchange import Exchange
from mariadb import Shop, mariadb_address
from mariadb_server import connect
from pipelines import Databases, address
from pyarrow import parquet as parquet_files
from service import Service
from shelf import Shelf

from engine.connector import Connector
from engine.errors import AccessDenied, ConnectorError, TableNotFound, Unreachable
from engine.kind import AnyKind, Context
from engine.plan import Input, PlanConnection, Step
from engine.registry import connectors, kinds
from engine.transfer import Extraction

Row = tuple[int, str | None]
Faults = Sequence[tuple[Mapping[str, Any], type[ConnectorError]]]


@dataclass(frozen=True)
class Bench:
    """One connector; a table has the columns ``id`` (a number) and ``v`` (text or NULL)."""

    slug: str
    #: Settings of its connection, secrets included.
    options: Mapping[str, Any]
    #: Makes a table with rows, behind the connector's back.
    put: Callable[[str, Sequence[Row]], None]
    #: Leaves a table without rows, or none at all where a load makes it.
    empty: Callable[[str], object]
    #: What is in a table, sorted by ``id``; None where the connector only reads.
    held: Callable[[str], list[Row]] | None
    #: Settings of nodes that read a table, and that write one.
    reads: Callable[[str], dict[str, Any]]
    writes: Callable[[str, str], dict[str, Any]]
    #: Settings under which a test of the connection fails, and how.
    faults: Faults
    #: The settings that lead to the same server through a port of this machine; None = no server.
    through: Callable[[int], Mapping[str, Any]] | None
    #: Where that server is.
    port: int = 0
    #: How a table goes by in the catalog; None where there is no catalog.
    listed: Callable[[str], str] | None = str
    #: Makes the estimates of the catalog fresh.
    analyze: Callable[[str], object] = str

    @property
    def connector(self) -> Connector[Any]:
        return connectors()[self.slug]

    @property
    def modes(self) -> tuple[str, ...]:
        """What the kind of target that serves this connector declares; none if it only reads."""
        kind = _kind("target", self.connector.medium)
        modes = get_args(kind.Config.model_fields["mode"].annotation) if kind else ()
        return modes if self.held else ()

    def config(self, **changes: Any) -> Any:
        return self.connector.Config.model_validate({**self.options, **changes})

    def connection(self, **changes: Any) -> PlanConnection:
        """What is secret waits in the options, as no worker has to open it here."""
        return PlanConnection(connector=self.slug, options={**self.options, **changes})

    def extraction(self, table: str) -> Extraction:
        kind: Any = _kind("source", self.connector.medium)
        step = self.read(table)
        made: Extraction = kind.extraction(kind.Config.model_validate(step.config), Context())
        return made

    def read(self, table: str) -> Step:
        kind = _kind("source", self.connector.medium)
        assert kind, f"no kind of source reads what connector '{self.slug}' reaches"
        config = {"connection": "bench", **self.reads(table)}
        return Step(key="read", name="read", kind=kind.slug, config=config)

    def write(self, table: str, mode: str) -> Step:
        kind = _kind("target", self.connector.medium)
        assert kind
        keys = {"keys": ["id"]} if mode in ("upsert", "delete_insert") else {}
        config = {"connection": "bench", "mode": mode, **keys, **self.writes(table, mode)}
        edges = (Input(port="in", step="rows"),)
        return Step(key="write", name="write", kind=kind.slug, config=config, inputs=edges)


def _kind(role: Literal["source", "target"], medium: str) -> AnyKind | None:
    """The kind that reads from, or writes to, what goes by ``medium``."""
    found = (kind for kind in kinds().values() if (kind.role, kind.medium) == (role, medium))
    return next((kind for kind in found if "connection" in kind.Config.model_fields), None)


def _postgresql(slug: str, request: pytest.FixtureRequest) -> Bench:
    databases: Databases = request.getfixturevalue("databases")
    options = address(databases.source_url)

    def put(table: str, rows: Sequence[Row]) -> None:
        with psycopg.connect(databases.source_url) as session, session.cursor() as cursor:
            cursor.execute(f"create table {table} (id int primary key, v text)".encode())
            with cursor.copy(f"copy {table} from stdin".encode()) as copy:
                for row in rows:
                    copy.write_row(row)

    def empty(table: str) -> None:
        databases.in_source(f"drop table if exists {table}")
        put(table, [])

    return Bench(
        slug,
        options,
        put,
        empty,
        held=lambda table: databases.in_source(f"select id, v from {table} order by id"),
        reads=lambda table: {"table": table},
        writes=lambda table, mode: {"table": table},
        faults=[
            ({"port": 1}, Unreachable),
            ({"user": "nobody"}, AccessDenied),
            ({"database": "nowhere"}, ConnectorError),
        ],
        through=lambda port: {"host": "127.0.0.1", "port": port},
        port=options["port"],
        analyze=lambda table: databases.in_source(f"analyze {table}"),
    )


def _mysql(slug: str, request: pytest.FixtureRequest) -> Bench:
    shop: Shop = request.getfixturevalue("shop")
    own = {"dialect": "mysql+pymysql"} if slug == "sqlalchemy" else {}
    options = {**mariadb_address(shop.url), **own}

    def put(table: str, rows: Sequence[Row]) -> None:
        shop.sql(f"create table {table} (id int primary key, v text)")
        with connect(shop.url) as session, session.cursor() as cursor:
            cursor.executemany(f"insert into {table} values (%s, %s)", rows)

    def empty(table: str) -> None:
        shop.sql(f"drop table if exists {table}")
        put(table, [])

    return Bench(
        slug,
        options,
        put,
        empty,
        held=lambda table: shop.sql(f"select id, v from {table} order by id"),
        reads=lambda table: {"table": table},
        writes=lambda table, mode: {"table": table},
        faults=[
            ({"port": 1}, Unreachable),
            ({}, AccessDenied),
            ({"user": "nobody"}, AccessDenied),
        ],
        through=lambda port: {"host": "127.0.0.1", "port": port},
        port=options["port"],
        analyze=lambda table: shop.sql(f"analyze table {table}"),
    )


def _mongodb(slug: str, request: pytest.FixtureRequest) -> Bench:
    shelf: Shelf = request.getfixturevalue("shelf")
    columns = [{"path": "id", "type": "integer"}, {"path": "v", "type": "varchar"}]

    def put(table: str, rows: Sequence[Row]) -> None:
        shelf.database.create_collection(table)
        if rows:
            shelf.put(table, *({"id": number, "v": text} for number, text in rows))

    return Bench(
        slug,
        shelf.options,
        put,
        shelf.database.drop_collection,
        held=lambda table: shelf.values(table, "id", "v"),
        reads=lambda table: {"collection": table, "fields": columns},
        writes=lambda table, mode: {"collection": table},
        faults=[
            ({"hosts": "127.0.0.1:1", "options": {"connect_timeout": 1}}, Unreachable),
            ({"user": "nobody"}, ConnectorError),
        ],
        through=lambda port: {"hosts": f"127.0.0.1:{port}"},
        port=int(shelf.options["hosts"].rpartition(":")[2]),
    )


def _files(slug: str, request: pytest.FixtureRequest) -> Bench:
    exchange: Exchange = request.getfixturevalue("exchange")
    return Bench(
        slug,
        {"root": str(exchange.root)},
        lambda table, rows: exchange.write(f"{table}.parquet", parquet(rows)),
        empty=lambda table: exchange.remove(table),
        held=lambda table: _rows(
            [(exchange.root / name).read_bytes() for name in exchange.names() if table in name]
        ),
        reads=lambda table: {"path": f"{table}.parquet", "format": "parquet"},
        writes=_parquet_target,
        faults=[
            ({"root": "/root"}, AccessDenied),
            ({"root": f"{exchange.root}/none"}, Unreachable),
        ],
        through=None,
        listed=lambda table: f"{table}.parquet",
    )


def _remote_files(slug: str, request: pytest.FixtureRequest) -> Bench:
    bucket: Bucket = request.getfixturevalue("bucket")
    return Bench(
        slug,
        bucket.options,
        lambda table, rows: bucket.put(f"shop/{table}.parquet", parquet(rows)),
        empty=lambda table: bucket.remove(f"shop/{table}"),
        held=lambda table: _rows([bucket.get(key) for key in bucket.shown() if table in key]),
        reads=lambda table: {"path": f"{table}.parquet", "format": "parquet"},
        writes=_parquet_target,
        faults=[
            ({"endpoint": "http://127.0.0.1:1"}, Unreachable),
            ({"url": "s3://no-such-bucket/shop"}, TableNotFound),
        ],
        through=lambda port: {"endpoint": f"http://127.0.0.1:{port}"},
        port=urlsplit(bucket.endpoint).port or 0,
        listed=lambda table: f"{table}.parquet",
    )


def _http(slug: str, request: pytest.FixtureRequest) -> Bench:
    service: Service = request.getfixturevalue("service")
    tables: dict[str, Sequence[Row]] = {}

    def answer(path: str, query: dict[str, str]) -> Any:
        if "Authorization" in service.headers[-1]:
            return 401, {"error": "who are you?"}, {}
        table = path.rpartition("/")[2]
        if table not in tables:
            return 404, {}, {}
        return [{"id": number, "v": text} for number, text in tables[table]]

    service.answer = answer
    columns = [{"name": "id", "type": "integer"}, {"name": "v", "type": "varchar"}]
    return Bench(
        slug,
        {"base_url": f"{service.url}/v1", "options": {"retries": 0}},
        tables.__setitem__,
        empty=str,
        held=None,
        reads=lambda table: {"path": table, "columns": columns},
        writes=lambda table, mode: {},
        faults=[
            ({"base_url": "http://127.0.0.1:1"}, Unreachable),
            ({"auth": "bearer"}, AccessDenied),
            ({"auth": "basic", "user": "nobody"}, AccessDenied),
        ],
        through=lambda port: {"base_url": f"http://127.0.0.1:{port}/v1"},
        port=urlsplit(service.url).port or 0,
        listed=None,
    )


BENCHES: dict[str, Callable[[str, pytest.FixtureRequest], Bench]] = {
    "postgresql": _postgresql,
    "cockroachdb": _postgresql,
    "supabase": _postgresql,
    "timescaledb": _postgresql,
    "yellowbrick": _postgresql,
    "yugabytedb": _postgresql,
    "mysql": _mysql,
    "sqlalchemy": _mysql,
    "mongodb": _mongodb,
    "files": _files,
    "remote_files": _remote_files,
    "http": _http,
}


def parquet(rows: Sequence[Row]) -> bytes:
    """A file with such rows, uncompressed, so that its size is that of its texts."""
    schema = pa.schema({"id": pa.int32(), "v": pa.string()})
    table = pa.table([[row[0] for row in rows], [row[1] for row in rows]], schema=schema)
    sink = pa.BufferOutputStream()
    parquet_files.write_table(table, sink, compression="none", use_dictionary=False)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _parquet_target(table: str, mode: str) -> dict[str, Any]:
    name = f"{table}.parquet" if mode == "replace" else table
    return {"path": name, "format": "parquet"}


def _rows(contents: Sequence[bytes]) -> list[Row]:
    tables = [parquet_files.read_table(pa.BufferReader(content)) for content in contents]
    rows = pa.concat_tables(tables).sort_by("id").to_pylist() if tables else []
    return [(row["id"], row["v"]) for row in rows]
