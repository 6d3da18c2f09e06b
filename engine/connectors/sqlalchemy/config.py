"""What a connection of SQLAlchemy is, and how to open it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr, field_validator

from engine import network
from engine.connector import ConnectionConfig
from engine.errors import AccessDenied, ConnectorError
from engine.policy import file_roots

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: What may be said to a driver: nothing that names files, programs or statements.
_OPTIONS = {
    "account", "charset", "driver", "Encrypt", "protocol", "role", "schema", "secure",
    "service_name", "sslmode", "TrustServerCertificate", "warehouse",
}  # fmt: skip
#: What to install for a dialect that is not there.
_PACKAGES = {
    "clickhouse": "clickhouse-connect",
    "clickhousedb": "clickhouse-connect",
    "bigquery": "sqlalchemy-bigquery",
    "databricks": "databricks-sqlalchemy",
    "mssql": "pyodbc",
    "mysql": "pymysql",
    "mariadb": "pymysql",
    "oracle": "oracledb",
    "redshift": "sqlalchemy-redshift",
    "snowflake": "snowflake-sqlalchemy",
    "spanner": "sqlalchemy-spanner",
    "teradatasql": "teradatasqlalchemy",
    "trino": "trino[sqlalchemy]",
}


class SqlalchemyConfig(ConnectionConfig):
    """Dialect, address and credentials of one database."""

    dialect: str = Field(
        pattern=r"^[a-z0-9_]+(\+[a-z0-9_]+)?$",
        description="SQLAlchemy's name of the dialect and, after a plus, of the driver.",
    )
    host: str = Field("", description="Host name or IP address of the server.")
    port: int | None = Field(None, ge=1, le=65_535, description="Port; empty for the usual one.")
    database: str = Field("", description="Name of the database; of SQLite, the file's path.")
    user: str = Field("", description="User to log in as.")
    password: SecretStr = Field(SecretStr(""), description="Password of the user.")
    options: dict[str, str] = Field(
        default_factory=dict, description="Options of the URL; few are allowed."
    )

    @field_validator("host")
    @classmethod
    def _is_one_host(cls, host: str) -> str:
        return network.one_host(host) if host else host

    @field_validator("options")
    @classmethod
    def _are_allowed(cls, options: dict[str, str]) -> dict[str, str]:
        for name in options:
            if name not in _OPTIONS:
                known = ", ".join(sorted(_OPTIONS))
                raise ValueError(f"option '{name}' is not allowed; these are: {known}")
        return options

    @property
    def is_sqlite(self) -> bool:
        return self.dialect.partition("+")[0] == "sqlite"

    @property
    def place(self) -> str:
        """The database as messages name it."""
        address = f"{self.host}:{self.port}" if self.port else self.host
        return f"database '{self.database}'" + (f" at {address}" if address else "")

    def engine(self) -> Engine:
        """An engine without a pool. Raises ``ConnectorError`` where it cannot be made."""
        import sqlalchemy as sa
        from sqlalchemy.pool import NullPool

        url = sa.URL.create(
            self.dialect,
            username=self.user or None,
            password=self.password.get_secret_value() or None,
            host=self.host or None,
            port=self.port,
            database=self._file() if self.is_sqlite else self.database or None,
            query=self.options,
        )
        try:
            engine = sa.create_engine(url, poolclass=NullPool, hide_parameters=True)
        except (sa.exc.NoSuchModuleError, ImportError) as error:
            package = _PACKAGES.get(self.dialect.partition("+")[0])
            raise ConnectorError(
                f"dialect '{self.dialect}' is not installed on this host; "
                + (f"pip install {package}" if package else "install the package that brings it"),
                permanent=True,
            ) from error
        if engine.dialect.is_async:
            raise ConnectorError(
                f"driver '{self.dialect}' is asynchronous; choose one that is not", permanent=True
            )
        return engine

    def _file(self) -> str:
        """SQLite's file, in a folder that the operator of this host allows."""
        path = Path(self.database)
        is_plain = path.is_absolute() and "?" not in self.database
        resolved = path.resolve() if is_plain else path
        if not is_plain or not any(resolved.is_relative_to(root) for root in file_roots()):
            raise AccessDenied(
                f"file '{self.database}' is in no folder that this host's operator allows; "
                "expected an absolute path in one of FLOWADMIN_FILE_ROOTS"
            )
        if not resolved.is_file():
            raise ConnectorError(
                f"there is no file '{self.database}'; check the path",
                code="E_DATABASE_NOT_FOUND",
                permanent=True,
            )
        return str(resolved)
