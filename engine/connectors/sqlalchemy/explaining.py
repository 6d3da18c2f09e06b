"""SQLAlchemy's errors in FlowAdmin's words, without the password whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.connectors.sqlalchemy.config import SqlalchemyConfig
from engine.errors import AccessDenied, ConnectorError, LoadRefused, Unreachable
from engine.transfer import TableName

_NO_ENTRY = (
    "access denied",
    "authentication failed",
    "login failed",
    "permission denied",
    "ora-01017",
)
_NOBODY = (
    "refused",
    "resolve",
    "timeout",
    "timed out",
    "can't connect",
    "not known",
    "unreachable",
)


@contextmanager
def explaining(
    config: SqlalchemyConfig, table: TableName | None = None, *, reads: bool = False
) -> Iterator[None]:
    """Raise whatever SQLAlchemy raises inside as the ``ConnectorError`` it means."""
    import sqlalchemy as sa

    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        found = _explain(error, config, table, reads)
        found.__cause__ = None  # a driver's message may quote what we must not
        raise found from None


def _explain(
    error: Exception, config: SqlalchemyConfig, table: TableName | None, reads: bool
) -> ConnectorError:
    import sqlalchemy as sa

    said = _said(error, config)
    lowered = said.lower()
    where = f"table '{table}'" if table else "the query"
    if reads and isinstance(error, sa.exc.DataError):
        return ConnectorError(
            f"{where} holds a value that the driver cannot read: {said}; read it in a query, cast "
            "to text",
            code="E_VALUE",
            permanent=True,
        )
    if isinstance(error, sa.exc.IntegrityError | sa.exc.DataError):
        return LoadRefused(
            f"{where} refused the rows: {said}; the table is as it was before; correct the rows "
            "or the table"
        )
    if any(sign in lowered for sign in _NO_ENTRY):
        return AccessDenied(
            f"{config.place} does not let user '{config.user}' do this ({said}); check user, "
            "password and rights"
        )
    if getattr(error, "connection_invalidated", False) or any(s in lowered for s in _NOBODY):
        return Unreachable(f"nothing answers for {config.place} ({said}); check host and port")
    return ConnectorError(f"{config.place} gave up: {said}")


def _said(error: Exception, config: SqlalchemyConfig) -> str:
    """The driver's own words on one line, without the statement."""
    original = getattr(error, "orig", None) or error
    text = " ".join(str(original).split())[:500]
    password = config.password.get_secret_value()
    return text.replace(password, "***") if password else text
