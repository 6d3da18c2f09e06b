"""What a MongoDB connection is, and how to open it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from engine import network
from engine.connector import ConnectionConfig

if TYPE_CHECKING:
    from pymongo import MongoClient

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?")


class MongodbOptions(BaseModel):
    """The driver options a connection may set; every other one is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connect_timeout: int = Field(
        10, ge=1, le=300, description="Seconds to wait for a server that can serve."
    )
    socket_timeout_seconds: int = Field(
        3600, ge=1, le=604_800, description="Seconds to wait for one answer."
    )
    app_name: str = Field(
        "flowadmin",
        pattern=r"^[A-Za-z0-9_ .:-]{1,63}$",
        description="Name shown in the server's logs and currentOp.",
    )
    read_preference: Literal[
        "primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"
    ] = Field("primary", description="Which members of a replica set sources read from.")


class MongodbConfig(ConnectionConfig):
    """Address and credentials of one MongoDB database."""

    hosts: str = Field(
        description="Host names or IP addresses, each with :port where it is not 27017; "
        "separated by commas."
    )
    database: str = Field(min_length=1, max_length=63, description="Name of the database.")
    user: str = Field("", description="User to log in as; empty for a server without users.")
    password: SecretStr = Field(SecretStr(""), description="Password of the user.")
    auth_source: str = Field("admin", description="Database in which the user is defined.")
    auth_mechanism: Literal["", "SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"] = Field(
        "", description="How to log in; empty lets the server choose."
    )
    replica_set: str = Field("", description="Name of the replica set; empty for a single server.")
    srv: bool = Field(
        False, description="Whether the one host is a DNS seed list (mongodb+srv), such as Atlas's."
    )
    tls: bool = Field(
        False, description="Whether the connection is encrypted, and the server's name verified."
    )
    options: MongodbOptions = Field(MongodbOptions.model_construct(), description="Driver options.")

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, hosts: str) -> str:
        for host in hosts.split(","):
            if not _HOST.fullmatch(host.strip()):
                raise ValueError(
                    f"'{host.strip()}' is not a host; expected a host name or IP address, with "
                    "':port' behind it if need be (no URL, no path)"
                )
        return ",".join(host.strip() for host in hosts.split(","))

    @field_validator("database")
    @classmethod
    def _is_a_name(cls, database: str) -> str:
        if not database.isprintable() or any(sign in database for sign in '/\\. "$*<>:|?'):
            raise ValueError(f"{database!r} holds a character that no database's name has")
        return database

    @model_validator(mode="after")
    def _is_consistent(self) -> MongodbConfig:
        if self.srv and ("," in self.hosts or ":" in self.hosts):
            raise ValueError("a DNS seed list is one host name without a port; set 'srv' to false")
        if self.auth_mechanism == "PLAIN" and not (self.tls or self.srv):
            raise ValueError("'PLAIN' sends the password as it is; set 'tls' to true with it")
        return self

    @property
    def address(self) -> str:
        return self.hosts

    @property
    def seeds(self) -> list[tuple[str, int]]:
        """(host, port) of each host that is named here."""
        found = []
        for seed in self.hosts.split(","):
            host, _, port = seed.rpartition(":") if not seed.endswith("]") else (seed, "", "")
            found.append((host.strip("[]"), int(port)) if host and port else (seed, 27_017))
        return [(host.strip("[]"), port) for host, port in found]

    def connect(self) -> MongoClient[dict[str, Any]]:
        """A client, to be closed. Raises ``AccessDenied`` for a host that may not be reached."""
        from bson.codec_options import DatetimeConversion
        from pymongo import MongoClient

        for host, port in () if self.srv else self.seeds:
            network.check(host, port)
        scheme = "mongodb+srv" if self.srv else "mongodb"
        settings: dict[str, Any] = {}
        if self.user:
            settings = {"username": self.user, "authSource": self.auth_source}
            settings["password"] = self.password.get_secret_value()
            if self.auth_mechanism:
                settings["authMechanism"] = self.auth_mechanism
        if self.replica_set:
            settings["replicaSet"] = self.replica_set
        return MongoClient(
            f"{scheme}://{self.hosts}/",
            **settings,
            tls=self.tls or self.srv,
            appname=self.options.app_name,
            serverSelectionTimeoutMS=self.options.connect_timeout * 1000,
            connectTimeoutMS=self.options.connect_timeout * 1000,
            socketTimeoutMS=self.options.socket_timeout_seconds * 1000,
            readPreference=self.options.read_preference,
            uuidRepresentation="standard",
            tz_aware=True,
            datetime_conversion=DatetimeConversion.DATETIME_AUTO,
            w="majority",
        )
