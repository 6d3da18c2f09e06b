"""Two databases beside FlowAdmin's own, with a role that can see nothing else."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

from flowadmin.environment import BASE_DIR

SAMPLES = BASE_DIR / "samples"
ROLE = "sample"
SHOP, MART = "sample_shop", "sample_mart"


class NoSampleDatabases(Exception):
    """FlowAdmin's role may not create them on this server."""


@dataclass(frozen=True, slots=True)
class Address:
    """How the role reaches one of the databases."""

    host: str
    port: int
    database: str
    password: str

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=self.host,
            port=self.port,
            dbname=self.database,
            user=ROLE,
            password=self.password,
        )


def create() -> tuple[Address, Address]:
    """Shop and mart, filled and empty. Raises NoSampleDatabases."""
    password = secrets.token_hex(16)
    own = connection.get_connection_params()
    host, port = own.get("host") or "127.0.0.1", int(own.get("port") or 5432)
    try:
        _create_databases(password)
        addresses = Address(host, port, SHOP, password), Address(host, port, MART, password)
        for address, file in zip(addresses, ("shop.sql", "mart.sql"), strict=True):
            _fill(address, SAMPLES / file)
    except psycopg.Error as error:
        raise NoSampleDatabases(str(error).strip()) from error
    return addresses


def _create_databases(password: str) -> None:
    """Replaces what an interrupted start may have left."""
    role = sql.Identifier(ROLE)
    connection.ensure_connection()
    raw = connection.connection
    known = raw.execute("select 1 from pg_roles where rolname = %s", [ROLE]).fetchone()
    verb = sql.SQL("alter" if known else "create")
    raw.execute(sql.SQL("{} role {} login password {}").format(verb, role, sql.Literal(password)))
    raw.execute(sql.SQL("grant {} to current_user").format(role))
    for name in map(sql.Identifier, (SHOP, MART)):
        raw.execute(sql.SQL("drop database if exists {}").format(name))
        raw.execute(sql.SQL("create database {} owner {}").format(name, role))


def _fill(address: Address, file: Path) -> None:
    with address.connect() as database:
        database.execute(file.read_text().encode())
