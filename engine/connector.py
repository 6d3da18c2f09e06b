"""What a connector must do: test, catalog, read, write.

One file in ``connectors/`` = one family of databases, ending in ``CONNECTOR = TheClass``.
Drivers are imported inside methods, so that the web process can list and validate a
connector it does not use.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr

from engine.errors import ConnectorError
from engine.schema import Column, Schema
from engine.transfer import Extraction, InsideResult, Load, LoadResult, TableName, Watermark

if TYPE_CHECKING:
    import duckdb

    from engine.media.files import HeldFile
    from engine.stages.pushdown import Chain


class ConnectionConfig(BaseModel):
    """Base of every connector's Config. ``SecretStr`` fields are stored encrypted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def secret_fields(cls) -> frozenset[str]:
        """Names of the fields that hold secrets."""
        return frozenset(
            name for name, field in cls.model_fields.items() if field.annotation is SecretStr
        )


ConfigT = TypeVar("ConfigT", bound=ConnectionConfig)


class Snapshot(Protocol):
    """A moment of a database that several sessions can read at, until it is closed."""

    name: str

    def enter(self, session: duckdb.DuckDBPyConnection, alias: str) -> None:
        """Have the transaction that ``session`` has begun read ``alias`` at this moment."""

    def parts(self, extraction: Extraction, most: int) -> Sequence[Extraction]:
        """The extraction in up to ``most`` parts; none where it can be read as a whole only.

        At this moment each of its rows is in exactly one of them, whatever happens to the
        table until the snapshot is closed.
        """

    def close(self) -> None: ...


class Connector(ABC, Generic[ConfigT]):
    """Base of every connector. All methods raise ``ConnectorError`` with a precise message."""

    slug: ClassVar[str]
    label: ClassVar[str]
    #: Other names it goes by in imported payloads.
    aliases: ClassVar[tuple[str, ...]] = ()
    #: What it reaches; nodes whose kind has the same medium can use it.
    medium: ClassVar[str] = "database"
    Config: type[ConfigT]
    example: ClassVar[dict[str, Any]]

    @property
    def keeps_watermarks(self) -> bool:
        """Whether an incremental source can feed its tables."""
        return type(self).watermark is not Connector.watermark

    @property
    def reads_incrementally(self) -> bool:
        return type(self).latest is not Connector.latest

    @abstractmethod
    def test(self, config: ConfigT) -> str:
        """Connect, and say what answered (``PostgreSQL 18.1, database 'shop'``)."""

    @abstractmethod
    def tables(self, config: ConfigT) -> Sequence[TableName]:
        """Tables and views the credentials can see."""

    def estimates(self, config: ConfigT) -> Mapping[TableName, int]:
        """About how many rows tables have, as the database believes without counting them.

        Tables of which it says nothing are left out.
        """
        return {}

    @abstractmethod
    def describe(self, config: ConfigT, extraction: Extraction) -> Schema:
        """Columns the extraction yields, in DuckDB types. Raises ``TableNotFound``."""

    @abstractmethod
    def attach(self, config: ConfigT, session: duckdb.DuckDBPyConnection, alias: str) -> None:
        """Make the database readable in ``session`` under ``alias``; never writable."""

    def prepare(self, config: ConfigT, session: duckdb.DuckDBPyConnection) -> None:
        """Load into ``session`` what writing needs, whether or not anything was attached."""

    def folders(self, config: ConfigT) -> Sequence[str]:
        """Absolute paths of the folders in which DuckDB itself reads and writes files."""
        return ()

    def cancel(self, config: ConfigT, alias: str) -> None:
        """Stop what is being read through ``alias``, as far as the database allows it.

        Reads of other sessions that use the same alias stop as well.
        """

    def explained(
        self, config: ConfigT, extraction: Extraction, said: str
    ) -> ConnectorError | None:
        """What ``said``, an error of DuckDB's in a read through ``attach``, means: that nothing
        answers any more, or a value that cannot be read; None where DuckDB says it as well.
        """
        return None

    @abstractmethod
    def relation(self, config: ConfigT, extraction: Extraction, alias: str) -> str:
        """A DuckDB SELECT that streams the extraction's rows from ``alias``."""

    def place(self, config: ConfigT) -> str:
        """Which database it is: sources of one and the same are read at one moment.

        Empty where there is no such thing.
        """
        return ""

    def snapshot(self, config: ConfigT) -> Snapshot | None:
        """A moment that sessions can share from now on; None where there is no such thing."""
        return None

    def latest(self, config: ConfigT, extraction: Extraction, column: str) -> str | None:
        """The largest value of ``column``, as text; None where there is none."""
        raise ConnectorError(f"{self.label} cannot be read incrementally", permanent=True)

    def watermark(self, config: ConfigT, mark: Watermark) -> str | None:
        """The value that the load before this one has left; None before the first."""
        raise ConnectorError(
            f"{self.label} keeps no watermarks, so no incremental source can feed it; "
            "read all rows instead",
            permanent=True,
        )

    def load_inside(
        self,
        config: ConfigT,
        load: Load,
        chain: Chain,
        on_rows: Callable[[int], None] = lambda rows: None,
        moment: str = "",
    ) -> InsideResult | None:
        """As ``load``, of rows of this very database that need not leave it.

        ``moment`` names the snapshot to read at, if there is one.
        None, with nothing changed, where that is not known to put the same rows into the
        table, or where it failed: ``load`` then decides.
        """
        return None

    @abstractmethod
    def target_columns(self, config: ConfigT, table: TableName) -> Sequence[Column]:
        """Columns of a target table that can be written, with native types."""

    def count(self, config: ConfigT, table: TableName, most: int) -> int | None:
        """How many rows ``table`` has, counted up to ``most``; None where that cannot be told."""
        return None

    def matches(
        self,
        config: ConfigT,
        load: Load,
        keys: Mapping[str, Sequence[str | None]],
        types: Mapping[str, str],
    ) -> Sequence[int] | None:
        """How many rows of the load's table have each key; None where that cannot be told.

        ``keys`` maps column → its values as text, one for each key, and ``types`` → the DuckDB
        type that they are the text of. Only reads.
        """
        return None

    def held_files(self, config: ConfigT, path: str) -> Sequence[HeldFile]:
        """The file at ``path``, or those below it, by name; none where there are no files."""
        return ()

    @abstractmethod
    def load(
        self,
        config: ConfigT,
        load: Load,
        session: duckdb.DuckDBPyConnection,
        query: str,
        on_rows: Callable[[int], None] = lambda rows: None,
        on_stop: Callable[[], None] = lambda: None,
        on_again: Callable[[], None] = lambda: None,
    ) -> LoadResult:
        """Run ``query`` in ``session`` and move its rows into the table, exactly once.

        One transaction on the target; committed only after the producer ended well and the
        row count matches. Raises ``LoadRefused`` and leaves the table as it was; an error of
        ``query`` itself is raised as DuckDB raised it. ``on_rows`` is called at least every
        second with the rows loaded so far (0 = not known); what it raises stops the load.
        ``on_stop`` is called when the query still runs and its rows are no longer wanted:
        it stops what the query waits for. ``on_again`` is called before a query that failed is
        run once more.
        """
