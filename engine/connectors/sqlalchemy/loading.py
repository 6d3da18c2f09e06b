"""How rows get into a table through a driver: one transaction with its ledger row, or nothing."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine import ledger
from engine.arrow import batches
from engine.connector import Load, LoadResult
from engine.connectors.sqlalchemy.config import SqlalchemyConfig
from engine.connectors.sqlalchemy.reading import end, reflected
from engine.connectors.sqlalchemy.types import duckdb_type
from engine.errors import LoadRefused
from engine.pulse import Pulse
from engine.schema import quote
from engine.suggestion import unknown

if TYPE_CHECKING:
    import duckdb
    from sqlalchemy import Connection, Engine, Table

_LEDGER = "flowadmin_load_ledger"
_BATCH_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the rows come from, and whom to tell about them: see ``Connector.load``."""

    session: duckdb.DuckDBPyConnection
    query: str
    on_rows: Callable[[int], None]
    on_stop: Callable[[], None]


class SqlalchemyBooks:
    """The ledger as a table of SQLAlchemy's; it keeps no watermarks."""

    watermark = ""
    ledger = _LEDGER

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._table = _ledger()
        self.quote = connection.dialect.identifier_preparer.quote

    def find(self, statement: str, values: Sequence[Any]) -> Sequence[Any] | None:
        return self._connection.execute(*_bound(statement, values)).fetchone()

    def change(self, statement: str, values: Sequence[Any]) -> int:
        return self._connection.execute(*_bound(statement, values)).rowcount

    def enter(self, table: str, row: Mapping[str, Any]) -> bool:
        import sqlalchemy as sa

        try:
            with self._connection.begin_nested():
                self._connection.execute(self._table.insert().values(**row))
        except sa.exc.IntegrityError:
            return False
        return True


def load_rows(config: SqlalchemyConfig, load: Load, rows: Rows) -> LoadResult:
    if load.mode not in ("append", "replace"):
        raise LoadRefused(
            f"mode '{load.mode}' needs a connector of the database's own; use append or replace "
            "here, and merge by key in the database"
        )
    engine = _writing(config)
    _ledger().metadata.create_all(engine, checkfirst=True)
    table = reflected(engine, load.table)
    with (
        engine.connect() as connection,
        Pulse(lambda: rows.on_rows(0), lambda: end(connection)),
        connection.begin(),
    ):
        return _load(connection, table, load, rows)


def _load(connection: Connection, table: Table, load: Load, rows: Rows) -> LoadResult:
    books = SqlalchemyBooks(connection)
    loaded_before = ledger.claim(books, load)
    if loaded_before is not None:
        return LoadResult(loaded_before, was_applied_before=True)
    convert = _converters(table, load)
    count = 0
    found = batches(rows.session, _select(connection, table, load, rows.query), _BATCH_ROWS)
    with contextlib.closing(found):
        first = next(found, None)
        if load.mode == "replace":
            _refuse_cascade(connection, load)
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
    ledger.record(books, load, count)
    return LoadResult(count)


def _writing(config: SqlalchemyConfig) -> Engine:
    """SQLite's driver would begin late, and not know of savepoints: it is told when to begin."""
    from sqlalchemy import event

    engine = config.engine()
    if config.is_sqlite:
        event.listen(engine, "connect", lambda driver, _: setattr(driver, "isolation_level", None))
        event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _ledger() -> Table:
    import sqlalchemy as sa

    return sa.Table(
        _LEDGER,
        sa.MetaData(),
        sa.Column("run_id", sa.String(160), primary_key=True),
        sa.Column("node", sa.String(160), primary_key=True),
        sa.Column("target", sa.String(1000), nullable=False),
        sa.Column("mode", sa.String(20), nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("loaded_at", sa.DateTime, server_default=sa.func.current_timestamp()),
    )


def _bound(statement: str, values: Sequence[Any]) -> tuple[Any, dict[str, Any]]:
    """A statement whose ``%s`` have names, and the values of these."""
    import sqlalchemy as sa

    head, *rest = statement.split("%s")
    text = head + "".join(f":p{i}{part}" for i, part in enumerate(rest))
    return sa.text(text), {f"p{i}": value for i, value in enumerate(values)}


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
