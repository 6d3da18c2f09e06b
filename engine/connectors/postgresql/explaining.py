"""PostgreSQL's errors in FlowAdmin's words, without the password whatever happens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.connectors.postgresql.config import PostgresqlConfig
from engine.errors import AccessDenied, ConnectorError, LoadRefused, TableNotFound, Unreachable
from engine.schema import quote
from engine.transfer import TableName

if TYPE_CHECKING:
    import psycopg

#: How libpq and a server that cannot serve yet say that there is no use in talking now.
_NOBODY_ANSWERS = (
    "connection refused",
    "timeout expired",
    "connection timed out",
    "could not translate host name",
    "failed to resolve host",
    "no route to host",
    "network is unreachable",
    "server closed the connection",
    "connection reset",
    "is starting up",
    "is shutting down",
    "too many clients",
    "remaining connection slots",
)
#: How ``NativeType.read`` has a server refuse a number.
_UNFIT = re.compile(r'value of column "(.*?)" does not fit (DECIMAL\(\d+,\d+\)): ([^"\s]*)')
_NO_ENTRY = ("authentication failed", "no pg_hba.conf entry", "permission denied", "role ")


@contextmanager
def explaining(config: PostgresqlConfig, table: TableName | None = None) -> Iterator[None]:
    """Raise whatever psycopg raises inside as the ``ConnectorError`` it means."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        found = _explain(error, config, table)
        found.__cause__ = None  # a driver's message may quote what we must not
        raise found from None


def explained(config: PostgresqlConfig, said: str) -> ConnectorError | None:
    """``Connector.explained``, of what libpq says through DuckDB."""
    if said.startswith("E_"):
        return None  # SQL of our own: it quotes values, which may say anything
    if unfit := _UNFIT.search(said):
        return ConnectorError(_unfit(*unfit.groups()), code="E_VALUE", permanent=True)
    lowered = said.lower()
    signs = [sign for sign in _NOBODY_ANSWERS if sign in lowered]
    return _unreachable(config, signs[0]) if signs else None


def _unfit(column: str, type_: str, value: str) -> str:
    name = quote(column)
    cast = f"nullif({name}, 'NaN')" if value == "NaN" else f"CAST({name} AS numeric(38,20))"
    return (
        f"column '{column}' holds '{value}', which does not fit {type_}; read it in a query: "
        f"{cast}, or as text: CAST({name} AS text)"
    )


def _unreachable(config: PostgresqlConfig, said: str) -> Unreachable:
    return Unreachable(
        f"nothing answers at {config.address} ({said}); "
        "check host, port and firewall, and that PostgreSQL is running there"
    )


def _explain(
    error: psycopg.Error, config: PostgresqlConfig, table: TableName | None
) -> ConnectorError:
    if error.sqlstate is None:
        return _explain_connection(error, config)
    said = _said(error, config)
    match error.sqlstate[:2]:
        case "23" | "22":
            return LoadRefused(_refusal(error, said, table))
        case "42" if error.sqlstate == "42501":
            return AccessDenied(
                f"role '{config.user}' may not do this at {config.address}: {said}; "
                "grant it the right, or use another role"
            )
        case "42" if error.sqlstate in {"42P01", "3F000"}:
            return TableNotFound(f"{said} in database '{config.database}'; check schema and table")
        case "42" | "0A" | "44":
            return ConnectorError(f"{_at(config)} refused a statement: {said}", permanent=True)
        case _:
            return ConnectorError(f"{_at(config)} gave up: {said}")


def _explain_connection(error: psycopg.Error, config: PostgresqlConfig) -> ConnectorError:
    """Errors before the server knows us carry no code, only text."""
    said = _said(error, config)
    lowered = said.lower()
    if any(sign in lowered for sign in _NOBODY_ANSWERS):
        return _unreachable(config, said)
    if "database " in lowered and "does not exist" in lowered:
        return ConnectorError(
            f"there is no database '{config.database}' at {config.address}; "
            "check the name (it is case-sensitive), or create it",
            code="E_DATABASE_NOT_FOUND",
            permanent=True,
        )
    if any(sign in lowered for sign in _NO_ENTRY):
        return AccessDenied(
            f"{config.address} does not let role '{config.user}' into database "
            f"'{config.database}' ({said}); check user and password, and the role's rights"
        )
    return ConnectorError(f"the connection to {_at(config)} failed: {said}")


def _refusal(error: psycopg.Error, said: str, table: TableName | None) -> str:
    """Table, column and constraint as PostgreSQL names them, with the value's line."""
    diagnostic = error.diag
    where = f"table '{table}'" if table else "the query"
    if diagnostic.column_name:
        where += f", column '{diagnostic.column_name}'"
    if diagnostic.constraint_name:
        where += f", constraint '{diagnostic.constraint_name}'"
    context = (diagnostic.context or "").splitlines()
    line = f" ({context[0]})" if context and context[0].startswith("COPY") else ""
    return (
        f"{where} refused the rows: {said}{line}; the table is as it was before; "
        "correct the rows or the table"
    )


def _said(error: psycopg.Error, config: PostgresqlConfig) -> str:
    """The server's own words on one line."""
    diagnostic = error.diag
    text = diagnostic.message_primary or str(error).partition("failed: ")[2] or str(error)
    if diagnostic.message_detail:
        text += f" ({diagnostic.message_detail[:300]})"
    text = " ".join(text.split())
    password = config.password.get_secret_value()
    return text.replace(password, "***") if password else text


def _at(config: PostgresqlConfig) -> str:
    return f"database '{config.database}' at {config.address}"
