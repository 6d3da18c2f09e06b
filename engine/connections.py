"""The connections of one run: opened from the plan, attached to its sandbox when first read.

Each session of the sandbox reads through an alias of its own, so that what one stage reads
can be stopped without touching the others.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from engine.connector import ConnectionConfig, Connector
from engine.errors import ConnectorError, PlanError
from engine.plan import PlanConnection
from engine.sandbox import Sandbox

Secrets = Callable[[PlanConnection], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection with its secrets in place."""

    connector: Connector[Any]
    config: ConnectionConfig


class Connections:
    """``readable`` are the slugs of those that sources read; the sandbox is locked when all
    of them are attached, so that one that answers only at a second try can still come in.
    """

    def __init__(
        self,
        connections: Mapping[str, PlanConnection],
        *,
        readable: Collection[str],
        run_id: str,
        secrets: Secrets,
        connectors: Mapping[str, Connector[Any]],
    ) -> None:
        self._connections = connections
        self._readable = frozenset(readable)
        self._run_id = run_id
        self._secrets = secrets
        self._connectors = connectors
        self._attached: set[str] = set()
        self._lock = threading.Lock()

    def open(self, slug: str) -> Opened:
        """Raises ``PlanError`` for a connection this worker cannot make sense of."""
        try:
            connection = self._connections[slug]
            connector = self._connectors[connection.connector]
            options = {**connection.options, **self._secrets(connection)}
            return Opened(connector, connector.Config.model_validate(options))
        except KeyError as error:
            raise PlanError(f"connection '{slug}' cannot be opened: {error.args[0]}") from error
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
            raise PlanError(
                f"connection '{slug}' has settings that do not pass: {fields}; "
                "open it in FlowAdmin, correct them and save"
            ) from None

    def attach(self, slug: str, sandbox: Sandbox, number: int) -> str:
        """The alias under which session ``number`` can read the connection's database."""
        with self._lock:
            if slug not in self._attached:
                opened = self.open(slug)
                for session in sandbox.sessions:
                    alias = self._alias(slug, session.number)
                    opened.connector.attach(opened.config, sandbox.database, alias)
                self._attached.add(slug)
                if self._attached >= self._readable:
                    sandbox.lock()
        return self._alias(slug, number)

    def cancel(self, slugs: Collection[str], numbers: Collection[int]) -> None:
        """Stop what these sessions read from these connections, as far as that can be done."""
        for slug in self._attached.intersection(slugs):
            with contextlib.suppress(ConnectorError, PlanError):
                opened = self.open(slug)
                for number in numbers:
                    opened.connector.cancel(opened.config, self._alias(slug, number))

    def _alias(self, slug: str, number: int) -> str:
        """Short, for it must fit into the names that databases give their sessions."""
        digest = hashlib.sha256(f"{self._run_id}/{slug}".encode()).hexdigest()
        return f"{digest[:16]}-{number}"
