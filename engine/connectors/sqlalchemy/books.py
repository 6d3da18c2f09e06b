"""The ledger and the watermarks as tables that SQLAlchemy makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, MetaData

_LEDGER = "flowadmin_load_ledger"
_WATERMARK = "flowadmin_watermark"


class SqlalchemyBooks:
    """Kept through ``connection``, in its default schema."""

    ledger = _LEDGER
    watermark = _WATERMARK

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tables = _tables().tables
        self.quote = connection.dialect.identifier_preparer.quote

    def has_watermarks(self) -> bool:
        import sqlalchemy as sa

        return bool(sa.inspect(self._connection).has_table(_WATERMARK))

    def find(self, statement: str, values: Sequence[Any]) -> Sequence[Any] | None:
        return self._connection.execute(*_bound(statement, values)).fetchone()

    def change(self, statement: str, values: Sequence[Any]) -> int:
        return self._connection.execute(*_bound(statement, values)).rowcount

    def enter(self, table: str, row: Mapping[str, Any]) -> bool:
        import sqlalchemy as sa

        try:
            with self._connection.begin_nested():
                self._connection.execute(self._tables[table].insert().values(**row))
        except sa.exc.IntegrityError:
            return False
        return True


def prepare(engine: Engine) -> None:
    """Make the tables that are missing; outside a transaction, for that may end it."""
    _tables().create_all(engine, checkfirst=True)


def _tables() -> MetaData:
    import sqlalchemy as sa

    def key(name: str) -> sa.Column[str]:
        return sa.Column(name, sa.String(160), primary_key=True)

    now = sa.func.current_timestamp()
    metadata = sa.MetaData()
    sa.Table(
        _LEDGER,
        metadata,
        key("run_id"),
        key("node"),
        sa.Column("target", sa.String(1000), nullable=False),
        sa.Column("mode", sa.String(20), nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("loaded_at", sa.DateTime, server_default=now),
    )
    sa.Table(
        _WATERMARK,
        metadata,
        key("workflow_id"),
        key("node"),
        key("target"),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("value", sa.String(1000), nullable=False),
        sa.Column("run_id", sa.String(160), nullable=False),
        sa.Column("moved_at", sa.DateTime, server_default=now),
    )
    return metadata


def _bound(statement: str, values: Sequence[Any]) -> tuple[Any, dict[str, Any]]:
    """A statement whose ``%s`` have names, and the values of these."""
    import sqlalchemy as sa

    head, *rest = statement.split("%s")
    text = head + "".join(f":p{i}{part}" for i, part in enumerate(rest))
    return sa.text(text), {f"p{i}": value for i, value in enumerate(values)}
