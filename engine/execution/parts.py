"""One of the parts of a source that sessions of their own read side by side, at one moment."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from engine.connections import Opened
from engine.connector import Snapshot
from engine.errors import EngineError
from engine.stages.culprit import failure_of, in_words
from engine.streams.arrow import batches
from engine.streams.streaming import Stream
from engine.transfer import Extraction

if TYPE_CHECKING:
    import pyarrow as pa

#: What DuckDB works with at once: rows may be wide, and each part has some on their way.
_ROWS = 2_048


@dataclass(frozen=True, slots=True)
class Part:
    """``sql`` selects its rows from ``alias``; ``step`` is the source."""

    step: str
    extraction: Extraction
    sql: str
    alias: str
    snapshot: Snapshot
    opened: Opened

    def stream(self, database: duckdb.DuckDBPyConnection) -> Stream:
        session = database.cursor()

        def stop() -> None:
            with suppress(duckdb.Error):  # it has ended by itself meanwhile
                session.interrupt()

        return Stream(self._rows(session), stop)

    def _rows(self, session: duckdb.DuckDBPyConnection) -> Generator[pa.RecordBatch, None, None]:
        try:
            session.execute("BEGIN")
            self.snapshot.enter(session, self.alias)
            yield from batches(session, self.sql, _ROWS)
        except duckdb.Error as error:
            raise self._failure(error) from error
        finally:
            with suppress(duckdb.Error):  # closed within a transaction, a cut session would abort
                session.execute("ROLLBACK")
            session.close()

    def _failure(self, error: duckdb.Error) -> EngineError:
        connector, config = self.opened.connector, self.opened.config
        is_value = isinstance(error, duckdb.DataError)  # it quotes one, which may say anything
        said = in_words(error)
        meant = None if is_value else connector.explained(config, self.extraction, said)
        return meant or failure_of(self.step, error)
