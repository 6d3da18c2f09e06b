"""What a PostgreSQL connection is, and how to open it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from engine import network
from engine.connector import ConnectionConfig

if TYPE_CHECKING:
    import psycopg

#: A file that is not there: libpq must not fall back on the worker's own password file.
_NO_FILE = "/nonexistent/flowadmin"


class PostgresqlOptions(BaseModel):
    """The driver options a connection may set; every other one is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connect_timeout: int = Field(
        10, ge=1, le=300, description="Seconds to wait for the server's answer."
    )
    application_name: str = Field(
        "flowadmin",
        pattern=r"^[A-Za-z0-9_ .:-]{1,63}$",
        description="Name shown in the server's pg_stat_activity.",
    )
    statement_timeout_seconds: int = Field(
        3600, ge=1, le=604_800, description="Seconds after which the server stops a statement."
    )


class PostgresqlConfig(ConnectionConfig):
    """Address and credentials of one PostgreSQL database."""

    host: str = Field(description="Host name or IP address of the server.")
    port: int = Field(5432, ge=1, le=65_535, description="Port of the server.")
    database: str = Field(min_length=1, description="Name of the database.")
    user: str = Field(min_length=1, description="Role to log in as.")
    password: SecretStr = Field(SecretStr(""), description="Password of the role.")
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "prefer",
        title="SSL mode",
        description="Whether the connection must be encrypted and the server verified.",
    )
    options: PostgresqlOptions = Field(
        PostgresqlOptions.model_construct(), description="Driver options."
    )
    ledger_schema: str = Field(
        "flowadmin",
        min_length=1,
        max_length=63,
        description="Schema of the ledger that keeps loads exactly once; made when missing.",
    )

    @field_validator("host")
    @classmethod
    def _is_one_host(cls, host: str) -> str:
        return network.one_host(host)

    @field_validator("database", "user", "ledger_schema")
    @classmethod
    def _is_printable(cls, text: str) -> str:
        return network.printable(text)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def driver_options(
        self, *, alias: str = "", is_read_only: bool = False, **settings: str
    ) -> dict[str, Any]:
        """libpq's parameters but those that are credentials; ``settings`` are the server's.

        ``alias`` marks sessions, so that they can be found again in pg_stat_activity.
        """
        settings["statement_timeout"] = f"{self.options.statement_timeout_seconds}s"
        if is_read_only:
            settings["default_transaction_read_only"] = "on"
        return {
            "sslmode": self.sslmode,
            "connect_timeout": self.options.connect_timeout,
            "application_name": self.session_name(alias),
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            "passfile": _NO_FILE,
        }

    def session_name(self, alias: str) -> str:
        """What pg_stat_activity shows; the server cuts names at 63 bytes, so the alias goes last
        and whole.
        """
        name = self.options.application_name.encode("ascii", "replace").decode()
        return f"{name[: 62 - len(alias)]} {alias}" if alias else name

    def connect(self, *, is_read_only: bool = True) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection in autocommit. Raises psycopg's own errors: see ``explaining``; and
        ``AccessDenied`` for a host that may not be reached.
        """
        import psycopg

        network.check(self.host, self.port)

        return psycopg.connect(
            host=self.host,
            port=self.port,
            dbname=self.database,
            user=self.user,
            password=self.password.get_secret_value(),
            autocommit=True,
            **self.driver_options(is_read_only=is_read_only),
        )
