"""The DuckDB a run works in: its memory, files, and what SQL may reach.

One in-memory database per run. Expressions of users pass an allow-list before they get
here; these settings are the second wall: no files but the spill folder, open pipes and the
folders of the run's connections to files, no network but the attached databases, nothing that
can be set back.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from engine.errors import EngineError, Interrupted
from engine.schema import quote
from engine.scratch import Scratch

#: Keep the operators of a query where its text puts them, so that each node can be counted.
_DISABLED_OPTIMIZERS = (
    "join_order",
    "build_side_probe_side",
    "empty_result_pullup",
    "statistics_propagation",
)

_SETTINGS = (
    "SET GLOBAL TimeZone = 'UTC'",
    f"SET disabled_optimizers = '{','.join(_DISABLED_OPTIMIZERS)}'",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET python_enable_replacements = false",
    # What is freed goes back to the system soon, for the limit binds what is in use only.
    "SET allocator_flush_threshold = '1MB'",
    "SET allocator_bulk_deallocation_flush_threshold = '1MB'",
)


def locking(folders: Iterable[str] = ()) -> tuple[str, ...]:
    """Statements after which SQL reaches no files but pipes and those in ``folders``.

    Pipes are reached by their descriptor; spill files are DuckDB's own business.
    """
    allowed = (f"'{folder.replace(chr(39), chr(39) * 2)}/'" for folder in ("/dev/fd", *folders))
    return (
        "SET allow_unsigned_extensions = false",
        f"SET allowed_directories = [{', '.join(allowed)}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    )


@dataclass(frozen=True, slots=True)
class Session:
    """One of a sandbox's sessions; ``number`` counts from 0."""

    number: int
    connection: duckdb.DuckDBPyConnection


class Sandbox:
    """Sessions on one confined DuckDB database.

    ``max_spill_gb`` bounds what may be written to disk when ``memory_limit_mb`` is reached.
    ``folders`` stay within reach after the lock.
    """

    def __init__(
        self,
        *,
        memory_limit_mb: int,
        sessions: int = 4,
        threads: int = 1,
        max_spill_gb: int = 50,
        folders: Iterable[str] = (),
    ) -> None:
        self._folders = tuple(folders)
        self._scratch = Scratch()
        self.folder = self._scratch.path
        self._database = duckdb.connect(
            config={
                "memory_limit": f"{memory_limit_mb}MB",
                "threads": threads,
                "preserve_insertion_order": False,
                "temp_directory": str(self.folder / "spill"),
                "max_temp_directory_size": f"{max_spill_gb}GB",
                # Connectors load theirs from pinned packages before the lock, which ends this:
                # to hash one of 40 MB in every run took 0.2 s of CPU.
                "allow_unsigned_extensions": True,
            }
        )
        for setting in _SETTINGS:
            self._database.execute(setting)
        self.sessions = tuple(Session(i, self._profiled()) for i in range(sessions))
        self._free: queue.SimpleQueue[Session] = queue.SimpleQueue()
        for session in self.sessions:
            self._free.put(session)
        self.is_locked = False
        self._stopped = threading.Event()
        self._reason: EngineError = Interrupted("the run was stopped")

    def close(self) -> None:
        """Forget everything, on disk too."""
        for session in self.sessions:
            session.connection.close()
        self._database.close()
        self._scratch.close()

    @property
    def database(self) -> duckdb.DuckDBPyConnection:
        """For attaching databases, before ``lock``."""
        return self._database

    @property
    def is_interrupted(self) -> bool:
        return self._stopped.is_set()

    def lock(self, folders: Iterable[str] = ()) -> None:
        """Shut network, settings and files but those in ``folders``; nothing can be attached
        from here on.
        """
        if not self.is_locked:
            for setting in locking([*self._folders, *folders]):
                self._database.execute(setting)
            self.is_locked = True

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session of one's own; waits for a free one. Raises ``Interrupted`` after a stop."""
        session = self._free.get()
        try:
            self.check()
            yield session
        finally:
            self._free.put(session)

    def drop(self, table: str) -> None:
        """Give back the memory of a table that nobody will read again."""
        self._database.execute(f"DROP TABLE IF EXISTS {quote(table)}")

    def check(self) -> None:
        """Raise ``Interrupted``, or why else, if the sandbox was told to stop."""
        if self._stopped.is_set():
            raise self._reason

    def interrupt(self, reason: EngineError | None = None) -> None:
        """Stop every query, now and from now on; safe from any thread or signal handler."""
        if reason is not None and not self._stopped.is_set():
            self._reason = reason
        self._stopped.set()
        for session in self.sessions:
            session.connection.interrupt()

    def _profiled(self) -> duckdb.DuckDBPyConnection:
        """Profiling is a session's own setting, so it must be set before the lock."""
        session = self._database.cursor()
        session.execute("PRAGMA enable_profiling = 'no_output'")
        return session
