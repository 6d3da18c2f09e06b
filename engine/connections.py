"""The connections of one run: opened from the plan, attached to its sandbox when first read.

Every source of a stage reads through an alias of its own: what one stage reads can be
stopped without touching the others, and DuckDB streams what it reads from a database once,
but gathers in memory what it reads from one database twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
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
    """``readers`` says how often a stage reads each connection at most. The sandbox is locked
    when all of them are attached, so that one that answers only at a second try can still
    come in.
    """

    def __init__(
        self,
        connections: Mapping[str, PlanConnection],
        *,
        readers: Mapping[str, int],
        run_id: str,
        secrets: Secrets,
        connectors: Mapping[str, Connector[Any]],
    ) -> None:
        self._connections = connections
        self._readers = readers
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

    def attach(self, slug: str, sandbox: Sandbox) -> None:
        """Make the connection's database readable in every session."""
        with self._lock:
            if slug not in self._attached:
                opened = self.open(slug)
                for alias in self._aliases(slug, [s.number for s in sandbox.sessions]):
                    opened.connector.attach(opened.config, sandbox.database, alias)
                self._attached.add(slug)
                self._lock_when_complete(sandbox)

    def lock_when_complete(self, sandbox: Sandbox) -> None:
        """Lock the sandbox if all that is read is attached, or if nothing is."""
        with self._lock:
            self._lock_when_complete(sandbox)

    def alias(self, slug: str, session: int, reader: int) -> str:
        """Under which the ``reader``-th source reads in a session; short, for it must fit into
        the names that databases give their sessions.
        """
        digest = hashlib.sha256(f"{self._run_id}/{slug}".encode()).hexdigest()
        return f"{digest[:16]}-{session}-{reader}"

    def cancel(self, slugs: Iterable[str], sessions: Collection[int]) -> None:
        """Stop what these sessions read from these connections, as far as that can be done."""
        for slug in self._attached.intersection(slugs):
            with contextlib.suppress(ConnectorError, PlanError):
                opened = self.open(slug)
                for alias in self._aliases(slug, sessions):
                    opened.connector.cancel(opened.config, alias)

    def _lock_when_complete(self, sandbox: Sandbox) -> None:
        if self._attached >= set(self._readers) and not sandbox.is_locked:
            folders: list[str] = []
            for slug in self._connections:
                # One that cannot be opened has none; what uses it fails, and says so.
                with contextlib.suppress(ConnectorError, PlanError):
                    opened = self.open(slug)
                    opened.connector.prepare(opened.config, sandbox.database)
                    folders += opened.connector.folders(opened.config)
            sandbox.lock(folders)

    def _aliases(self, slug: str, sessions: Iterable[int]) -> list[str]:
        readers = range(self._readers[slug])
        return [self.alias(slug, session, reader) for session in sessions for reader in readers]
