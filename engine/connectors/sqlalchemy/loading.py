"""How rows get into a table through a driver: one transaction with its ledger row, or nothing."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.connectors.sqlalchemy import books
from engine.connectors.sqlalchemy.arrivals import Arrivals
from engine.connectors.sqlalchemy.catalog import reflected
from engine.connectors.sqlalchemy.config import SqlalchemyConfig
from engine.connectors.sqlalchemy.reading import end
from engine.connectors.sqlalchemy.types import duckdb_type
from engine.errors import LoadRefused
from engine.loads import ledger, watermarks
from engine.schema import quote
from engine.streams.arrow import batches
from engine.streams.pulse import Pulse
from engine.suggestion import unknown
from engine.transfer import Load, LoadResult

if TYPE_CHECKING:
    import duckdb
    from sqlalchemy import Connection, Engine, Table

_BATCH_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the rows come from, and whom to tell about them: see ``Connector.load``."""

    session: duckdb.DuckDBPyConnection
    query: str
    on_rows: Callable[[int], None]
    on_stop: Callable[[], None]


def load_rows(config: SqlalchemyConfig, load: Load, rows: Rows) -> LoadResult:
    engine = _writing(config)
    _refuse_uncounted(engine, load)
    books.prepare(engine)
    table = reflected(engine, load.table)
    with (
        engine.connect() as connection,
        Pulse(lambda: rows.on_rows(0), lambda: end(connection)),
        connection.begin(),
    ):
        return _load(connection, table, load, rows)


def _load(connection: Connection, table: Table, load: Load, rows: Rows) -> LoadResult:
    held = books.SqlalchemyBooks(connection)
    loaded_before = ledger.claim(held, load)
    if loaded_before is not None:
        return LoadResult(loaded_before, was_applied_before=True)
    select, convert = _select(connection, table, load, rows.query), _converters(table, load)
    if load.mode != "append":
        _refuse_cascade(connection, load)
    if load.keys:
        arrivals = Arrivals(rows.session, load, lambda batch: _values(batch, convert))
        with arrivals.waiting(select):
            count = arrivals.apply(connection, table, rows.on_rows)
    else:
        count = _insert(connection, table, load, rows, select, convert)
    ledger.record(held, load, count)
    watermarks.move(held, load)
    return LoadResult(count)


def _insert(
    connection: Connection,
    table: Table,
    load: Load,
    rows: Rows,
    select: str,
    convert: Mapping[str, Callable[[Any], Any]],
) -> int:
    """Rows inserted, into a table that ``replace`` empties when the first ones are there."""
    count = 0
    with contextlib.closing(batches(rows.session, select, _BATCH_ROWS)) as found:
        first = next(found, None)
        if load.mode == "replace":
            connection.execute(table.delete())
        try:
            while first is not None:
                connection.execute(table.insert(), _values(first, convert))
                count += first.num_rows
                rows.on_rows(count)
                first = next(found, None)
        except BaseException:
            rows.on_stop()
            raise
    return count


def _refuse_uncounted(engine: Engine, load: Load) -> None:
    """A driver that does not say whether an UPDATE has found its row cannot upsert."""
    if load.mode == "upsert" and not engine.dialect.supports_sane_rowcount:
        raise LoadRefused(
            f"the driver of '{engine.dialect.name}' does not tell which rows an UPDATE finds, so "
            "it cannot upsert; choose 'delete_insert', or merge by key in the database"
        )


def _writing(config: SqlalchemyConfig) -> Engine:
    """SQLite's driver would begin late, and not know of savepoints: it is told when to begin."""
    from sqlalchemy import event

    engine = config.engine()
    if config.is_sqlite:
        event.listen(engine, "connect", lambda driver, _: setattr(driver, "isolation_level", None))
        event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _select(connection: Connection, table: Table, load: Load, query: str) -> str:
    """The rows with the table's own columns and types."""
    is_sqlite = connection.dialect.name == "sqlite"
    for name in load.columns:
        if name not in table.columns:
            message = f"table '{load.table}': {unknown('column', name, list(table.columns.keys()))}"
            raise LoadRefused(message, code="E_COLUMN_NOT_FOUND")
    types = {n: duckdb_type(table.columns[n].type, is_sqlite=is_sqlite) for n in load.columns}
    items = ", ".join(
        f"CAST({quote(origin)} AS {types[name]}) AS {quote(name)}"
        for name, origin in load.columns.items()
    )
    return f"SELECT {items} FROM ({query}\n)"


def _converters(table: Table, load: Load) -> dict[str, Callable[[Any], Any]]:
    """For the columns whose Python values are not what arrives."""
    from sqlalchemy import types as sa

    found: dict[str, Callable[[Any], Any]] = {}
    for name in load.columns:
        if isinstance(table.columns[name].type, sa.JSON):
            found[name] = json.loads
        elif isinstance(table.columns[name].type, sa.Uuid):
            found[name] = uuid.UUID
    return found


def _values(batch: Any, convert: Mapping[str, Callable[[Any], Any]]) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
        for row in rows:
            for name in convert.keys() & {n for n, value in row.items() if value is not None}:
                row[name] = convert[name](row[name])
    except (ValueError, OverflowError) as error:
        raise LoadRefused(
            f"a value cannot be handed to the driver ({error}); the table is as it was before; "
            "cast it to text in a node before, or filter such rows"
        ) from error
    return rows


def _refuse_cascade(connection: Connection, load: Load) -> None:
    """Raise where deleting rows of the target would delete or change rows of other tables."""
    import sqlalchemy as sa

    if load.mode == "upsert":
        return

    inspector = sa.inspect(connection)
    schema = load.table.schema or None
    for (_, other), keys in inspector.get_multi_foreign_keys(schema=schema).items():
        for key in keys:
            action = str(key.get("options", {}).get("ondelete") or "NO ACTION").upper()
            if key["referred_table"] == load.table.table and action not in (
                "NO ACTION",
                "RESTRICT",
            ):
                raise LoadRefused(
                    f"rows of table '{load.table}' cannot be deleted for mode '{load.mode}': "
                    f"'{other}' refers to it, and deleting here would change rows there; append "
                    "instead, or drop the foreign key's action"
                )
