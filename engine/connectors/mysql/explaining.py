"""MySQL's errors in FlowAdmin's words, without the password whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.connectors.mysql.config import MysqlConfig
from engine.errors import AccessDenied, ConnectorError, LoadRefused, TableNotFound, Unreachable
from engine.transfer import TableName

if TYPE_CHECKING:
    pass

#: Numbers are the server's (1xxx, 3xxx, 4xxx) and the client's (2xxx), the same for all of them.
_UNREACHABLE = {1040, 1053, 1129, 2002, 2003, 2005, 2006, 2012, 2013}
_NO_ENTRY = {1045, 1130, 1698, 1251, 2059, 2061}
_NO_RIGHT = {1044, 1142, 1143, 1227, 1370, 1792}
_REFUSED = {
    1022, 1048, 1062, 1216, 1217, 1263, 1264, 1265, 1292, 1364, 1366, 1367, 1406, 1416, 1451,
    1452, 1525, 1526, 1557, 1586, 1644, 1690, 1761, 1762, 3140, 3819, 4025,
}  # fmt: skip
#: Waiting for a lock took too long, or others were chosen to go on: a retry helps.
_PASSING = {1205, 1213, 1317, 1969, 3024}


@contextmanager
def explaining(config: MysqlConfig, table: TableName | None = None) -> Iterator[None]:
    """Raise whatever pymysql raises inside as the ``ConnectorError`` it means."""
    import pymysql

    try:
        yield
    except (pymysql.MySQLError, OSError) as error:
        found = _explain(error, config, table)
        found.__cause__ = None  # a driver's message may quote what we must not
        raise found from None


def _explain(error: Exception, config: MysqlConfig, table: TableName | None) -> ConnectorError:
    number, said = number_of(error), _said(error, config)
    if number in _UNREACHABLE and "certificate" in said.lower():
        return AccessDenied(
            f"the certificate of {config.address} is not trusted ({said}); give the authority's "
            "certificate in 'ca', or correct 'host' so that it is the name in the certificate"
        )
    if number in _UNREACHABLE or isinstance(error, OSError):
        return Unreachable(
            f"nothing answers at {config.address} ({said}); "
            "check host, port and firewall, and that the server is running there"
        )
    if number == 1049:
        return ConnectorError(
            f"there is no database '{config.database}' at {config.address}; "
            "check the name, or create it",
            code="E_DATABASE_NOT_FOUND",
            permanent=True,
        )
    if number in _NO_ENTRY:
        return AccessDenied(
            f"{config.address} does not let user '{config.user}' in ({said}); "
            "check user and password, and from which hosts the user may come"
        )
    if number in _NO_RIGHT:
        return AccessDenied(
            f"user '{config.user}' may not do this at {config.address}: {said}; "
            "grant the right, or use another user"
        )
    if number in _REFUSED:
        where = f"table '{table}'" if table else "the query"
        return LoadRefused(
            f"{where} refused the rows: {said}; the table is as it was before; "
            "correct the rows or the table"
        )
    if number == 1146:
        return TableNotFound(f"{said}; check database and table")
    is_passing = number in _PASSING or number in {1021, 1114, 1041, 1037, 1038}
    return ConnectorError(f"{config.address} gave up: {said}", permanent=not is_passing)


def number_of(error: BaseException) -> int:
    """The error's number; 0 where it has none."""
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


def _said(error: Exception, config: MysqlConfig) -> str:
    """The server's own words on one line."""
    text = " ".join(str(error.args[-1] if error.args else error).split())[:500]
    password = config.password.get_secret_value()
    return text.replace(password, "***") if password else text
