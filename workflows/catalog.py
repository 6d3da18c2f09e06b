"""Columns of real tables, as connectors report them, remembered for a while."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

from django.core.cache import cache

from engine.connector import ConnectionConfig, Connector
from engine.errors import AccessDenied, ConnectorError, Unreachable
from engine.schema import Column, Schema
from engine.transfer import Extraction, TableName
from workflows.models import Connection, Team
from workflows.services.connections import config_of, connector_of

REMEMBERED_SECONDS = 600


class DatabaseCatalog:
    """A team's tables, during one compilation.

    A database that cannot be entered is asked once, not once per node. With ``is_fresh``
    nothing remembered is used; ``has_remembered`` says whether something was.
    """

    def __init__(self, team: Team, *, is_fresh: bool = False) -> None:
        self._team = team
        self._is_fresh = is_fresh
        self._opened: dict[str, tuple[Connection, Connector[Any], ConnectionConfig]] = {}
        self._closed: dict[str, ConnectorError] = {}
        self.has_remembered = False

    def columns(self, connection: str, extraction: Extraction) -> Schema:
        return Schema(
            self._recall(
                connection,
                ["source", asdict(extraction)],
                lambda connector, config: connector.describe(config, extraction).columns,
            )
        )

    def target_columns(self, connection: str, table: TableName) -> Sequence[Column]:
        return self._recall(
            connection,
            ["target", asdict(table)],
            lambda connector, config: connector.target_columns(config, table),
        )

    def _recall(
        self,
        slug: str,
        question: list[Any],
        ask: Callable[[Connector[Any], ConnectionConfig], Sequence[Column]],
    ) -> tuple[Column, ...]:
        row, connector, config = self._open(slug)
        key = _key(row, question)
        remembered = None if self._is_fresh else cache.get(key)
        if remembered is not None:
            self.has_remembered = True
            return tuple(Column(*parts) for parts in remembered)
        if slug in self._closed:
            raise self._closed[slug]
        try:
            columns = tuple(ask(connector, config))
        except (Unreachable, AccessDenied) as error:
            self._closed[slug] = error
            raise
        cache.set(key, [astuple(column) for column in columns], REMEMBERED_SECONDS)
        return columns

    def _open(self, slug: str) -> tuple[Connection, Connector[Any], ConnectionConfig]:
        if slug not in self._opened:
            row = Connection.objects.get(team=self._team, slug=slug)
            self._opened[slug] = (row, connector_of(row), config_of(row))
        return self._opened[slug]


@dataclass(frozen=True, slots=True)
class Listed:
    """A table or view; ``rows`` is an estimate, None where the database has none."""

    schema: str
    table: str
    rows: int | None

    def __str__(self) -> str:
        return str(TableName(self.schema, self.table))


def tables(connection: Connection) -> list[Listed]:
    """Tables and views that its credentials can see. Raises ConnectorError or ConfigError."""
    key = _key(connection, ["tables"])
    remembered = cache.get(key)
    if remembered is None:
        connector, config = connector_of(connection), config_of(connection)
        rows = connector.estimates(config)
        remembered = [(*astuple(name), rows.get(name)) for name in connector.tables(config)]
        cache.set(key, remembered, REMEMBERED_SECONDS)
    return [Listed(*parts) for parts in remembered]


def forget(connection: Connection) -> None:
    """Ask the database again next time, for every table of this connection."""
    cache.set(_epoch_key(connection), uuid.uuid4().hex, None)


def _key(row: Connection, question: list[Any]) -> str:
    epoch = cache.get(_epoch_key(row), "")
    text = json.dumps([row.revision, epoch, question], sort_keys=True, default=str)
    return f"catalog:{row.pk}:{hashlib.sha256(text.encode()).hexdigest()}"


def _epoch_key(row: Connection) -> str:
    return f"catalog-epoch:{row.pk}"
