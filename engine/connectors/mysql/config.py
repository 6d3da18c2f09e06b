"""What a MySQL connection is, and how to open it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from engine import network
from engine.connector import ConnectionConfig
from engine.errors import AccessDenied

if TYPE_CHECKING:
    from pymysql import Connection

#: A stream may stand still for as long as its target needs.
_PATIENCE_SECONDS = 86_400
#: Values are checked instead of adjusted, and a backslash is a character like others.
_SQL_MODE = (
    "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO,NO_BACKSLASH_ESCAPES"
)


class MysqlOptions(BaseModel):
    """The driver options a connection may set; every other one is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connect_timeout: int = Field(
        10, ge=1, le=300, description="Seconds to wait for the server's answer."
    )
    statement_timeout_seconds: int = Field(
        3600, ge=1, le=604_800, description="Seconds after which the server stops a read."
    )


class MysqlConfig(ConnectionConfig):
    """Address and credentials of one database of MySQL, MariaDB or SingleStore."""

    host: str = Field(description="Host name or IP address of the server.")
    port: int = Field(3306, ge=1, le=65_535, description="Port of the server.")
    database: str = Field(min_length=1, max_length=64, description="Name of the database.")
    user: str = Field(min_length=1, description="User to log in as.")
    password: SecretStr = Field(SecretStr(""), description="Password of the user.")
    tls: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "prefer", description="Whether the connection must be encrypted and the server verified."
    )
    ca: str = Field(
        "",
        description="PEM certificates that vouch for the server; empty for the system's own.",
    )
    options: MysqlOptions = Field(MysqlOptions.model_construct(), description="Driver options.")
    ledger_database: str = Field(
        "",
        max_length=64,
        description="Database of the ledger that keeps loads exactly once; empty for the same.",
    )

    @field_validator("host")
    @classmethod
    def _is_one_host(cls, host: str) -> str:
        return network.one_host(host)

    @field_validator("database", "user", "ledger_database")
    @classmethod
    def _is_printable(cls, text: str) -> str:
        return network.printable(text)

    @field_validator("ca")
    @classmethod
    def _is_certificate(cls, text: str) -> str:
        if text.strip() and "-----BEGIN CERTIFICATE-----" not in text:
            raise ValueError("expected PEM text, from -----BEGIN CERTIFICATE----- on (no path)")
        return text

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def hurried(self, seconds: int) -> MysqlConfig:
        """The same with a server that stops a read after so many seconds."""
        options = self.options.model_copy(update={"statement_timeout_seconds": seconds})
        return self.model_copy(update={"options": options})

    def connect(self, *, is_read_only: bool = True) -> Connection:
        """A connection whose session is set up. Raises pymysql's own errors: see ``explaining``.

        A read-only one is in a READ ONLY transaction, under the statement timeout.
        """
        import pymysql
        from pymysql.constants import CLIENT

        network.check(self.host, self.port)
        connection = pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password.get_secret_value().encode(),
            database=self.database,
            charset="utf8mb4",
            connect_timeout=self.options.connect_timeout,
            client_flag=CLIENT.FOUND_ROWS,
            autocommit=True,
            local_infile=False,
            **self._tls(),
        )
        try:
            self._require_tls(connection)
            self._set_up(connection, is_read_only)
        except BaseException:
            connection.close()
            raise
        return connection

    def _tls(self) -> dict[str, Any]:
        if self.tls == "disable":
            return {"ssl_disabled": True}
        context = ssl.create_default_context(cadata=self.ca or None)
        context.check_hostname = self.tls == "verify-full"
        is_verified = self.tls in ("verify-ca", "verify-full")
        context.verify_mode = ssl.CERT_REQUIRED if is_verified else ssl.CERT_NONE
        return {"ssl": context}

    def _require_tls(self, connection: Connection) -> None:
        """The driver goes on without where the server offers none."""
        if self.tls not in ("disable", "prefer") and not connection._secure:
            raise AccessDenied(
                f"{self.address} offers no TLS, but the connection demands it (tls: {self.tls}); "
                "turn it on at the server, or lower 'tls' where the network is trusted"
            )

    def _set_up(self, connection: Connection, is_read_only: bool) -> None:
        settings = {
            "time_zone": "'+00:00'",
            "sql_mode": f"'{_SQL_MODE}'",
            "net_write_timeout": str(_PATIENCE_SECONDS),
            "net_read_timeout": str(_PATIENCE_SECONDS),
        }
        if is_read_only:
            settings |= self._limits(str(connection.server_version))
        pairs = ", ".join(f"SESSION {name} = {value}" for name, value in settings.items())
        connection.query(f"SET {pairs}")
        if is_read_only:
            connection.query("START TRANSACTION READ ONLY")

    def _limits(self, version: str) -> dict[str, str]:
        seconds = self.options.statement_timeout_seconds
        if "mariadb" in version.lower():
            return {"max_statement_time": str(seconds)}
        return {"max_execution_time": str(1000 * seconds)}
