"""What speaks PostgreSQL's protocol but has no binary COPY out: its rows are read as text.

Whether DuckDB's reader asks for text is one setting for all that a DuckDB reads. So such rows are
read by a small DuckDB of their own, and a run may read binary rows of others beside them.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.connectors.postgresql import Postgresql
from engine.connectors.postgresql.config import PostgresqlConfig
from engine.errors import ConnectorError
from engine.sandbox import locking
from engine.schema import Schema
from engine.stages.culprit import in_words
from engine.streams.arrow import batches
from engine.streams.streaming import Stream, StreamedConnector
from engine.transfer import Extraction

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_SMALL: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "memory_limit": "256MB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


class PostgresqlAsText(StreamedConnector[PostgresqlConfig], Postgresql):
    """Base of the connectors to such databases."""

    def stream(self, config: PostgresqlConfig, extraction: Extraction, schema: Schema) -> Stream:
        reading = _Reading(self, config, extraction)
        return Stream(reading.batches(), reading.stop)

    def open(
        self, config: PostgresqlConfig, session: duckdb.DuckDBPyConnection, alias: str
    ) -> None:
        """Have ``session`` read the database under ``alias``, and nothing else."""
        Postgresql.attach(self, config, session, alias)
        session.execute("SET GLOBAL pg_use_text_protocol = true")
        session.execute("SET TimeZone = 'UTC'")
        for setting in locking([]):
            session.execute(setting)


@dataclass(slots=True)
class _Reading:
    connector: PostgresqlAsText
    config: PostgresqlConfig
    extraction: Extraction
    alias: str = ""
    session: duckdb.DuckDBPyConnection | None = None

    def batches(self) -> Generator[pa.RecordBatch, None, None]:
        import duckdb

        self.alias = f"text_{uuid.uuid4().hex[:12]}"
        query = Postgresql.relation(self.connector, self.config, self.extraction, self.alias)
        with contextlib.closing(duckdb.connect(config=_SMALL)) as session, self._explaining():
            self.session = session
            self.connector.open(self.config, session, self.alias)
            yield from batches(session, query)

    def stop(self) -> None:
        """DuckDB leaves a database only when that has sent all it was asked for."""
        if self.session is None:
            return
        with contextlib.suppress(Exception):
            self.connector.cancel(self.config, self.alias)
        with contextlib.suppress(Exception):  # it has ended by itself meanwhile
            self.session.interrupt()

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            said = in_words(error)
            explained = self.connector.explained(self.config, self.extraction, said)
            is_passing = isinstance(error, duckdb.IOException)
            raise explained or ConnectorError(said, permanent=not is_passing) from error
