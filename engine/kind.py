"""What a kind must say: its Config, its ports, its output, and how it is done.

One file in ``kinds/`` = one kind, ending in ``KIND = TheClass``. The class is never
instantiated with state; the registry holds one instance of each.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from engine.issue import Issue
from engine.schema import Column, Schema
from engine.transfer import Extraction, Load, TableName, Window

if TYPE_CHECKING:
    import pyarrow as pa

    from engine.user_code.calling import Call

Role = Literal["source", "transform", "target"]


class NodeConfig(BaseModel):
    """Base of every kind's Config: frozen, unknown keys refused.

    One class gives validation, JSON Schema for the editor and the table in the docs.
    Every field has a description. Use ``json_schema_extra`` for widgets:
    ``{"format": "connection"}``, ``{"format": "table"}``, ``{"format": "column"}``,
    ``{"widget": "code", "language": "sql"}``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


ConfigT = TypeVar("ConfigT", bound=NodeConfig)


@dataclass(frozen=True, slots=True)
class Context:
    """What a kind may know besides its config: parameters (``$name`` in expressions)."""

    parameters: Mapping[str, Any] = field(default_factory=dict)


#: The column that a transform with several outputs adds: the port each row goes to.
OUTPUT = "output port"


@dataclass(frozen=True, slots=True)
class Probe:
    """A question about all rows of a step; every row of the answer is an offence.

    ``expected`` says in words what should hold; ``sql`` is a SELECT over the relation ``in``.
    """

    expected: str
    sql: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Columns of what a grouping node gathers where DuckDB cannot write it to disk.

    ``keys`` are those in which the rows of a group are equal, ``values`` those whose values are
    held, ``columns`` all that the node reads. ``is_by_arrival`` says that the order in which rows
    arrive means something.
    """

    keys: tuple[str, ...]
    values: tuple[str, ...]
    columns: tuple[str, ...]
    is_by_arrival: bool = False


class Kind(ABC, Generic[ConfigT]):
    """Base of every kind. The docstring's first line is shown in the palette."""

    slug: ClassVar[str]
    version: ClassVar[int] = 1
    label: ClassVar[str]
    group: ClassVar[str]
    icon: ClassVar[str] = "settings"
    role: ClassVar[Role]
    #: What its connections must reach: the ``medium`` of their connectors.
    medium: ClassVar[str] = "database"
    inputs: ClassVar[tuple[str, ...]] = ("in",)
    outputs: ClassVar[tuple[str, ...]] = ("out",)
    Config: type[ConfigT]
    #: A config that validates; used by docs, tests and the editor's palette.
    example: ClassVar[dict[str, Any]]

    #: Whether it can do whatever the worker's user can; only teams that may can use it.
    is_unconfined: ClassVar[bool] = False

    def connections(self, config: ConfigT) -> tuple[str, ...]:
        """Slugs of the connections this node uses."""
        slug = getattr(config, "connection", "")
        return (slug,) if slug else ()

    @property
    def has_ports_by_config(self) -> bool:
        """Whether settings decide about the ports, instead of ``inputs`` and ``outputs``."""
        own = type(self)
        return (own.input_ports, own.output_ports) != (Kind.input_ports, Kind.output_ports)

    def input_ports(self, config: ConfigT) -> tuple[str, ...]:
        """Ports that take rows, for a kind whose settings decide; ``inputs`` for the others."""
        return self.inputs

    def output_ports(self, config: ConfigT) -> tuple[str, ...]:
        """Ports that give rows, for a kind whose settings decide; ``outputs`` for the others."""
        return self.outputs


class Transform(Kind[ConfigT]):
    """A kind that is one SELECT over its inputs.

    ``inputs`` in both methods maps port → schema. In the SQL, each input is a relation
    named like its port (``in``, ``left``, ``right``): quote it. The SQL reads each once, in
    the order of the ports: that is how their rows are counted.

    A kind with other outputs than ``out`` adds the column ``OUTPUT`` as its last.
    """

    role: ClassVar[Role] = "transform"
    #: Whether rows leave in an order that means something: made here, or as they came.
    order: ClassVar[Literal["made", "kept", "lost"]] = "lost"
    #: Whether all rows must be there before the next step gets any.
    is_kept: ClassVar[bool] = False

    def probes(
        self, config: ConfigT, inputs: Mapping[str, Schema], context: Context
    ) -> Sequence[Probe]:
        """Questions to the rows this node yields, of a kind that is kept.

        Raises ``ExpressionError`` for an expression that cannot be used.
        """
        return ()

    def sql(self, config: ConfigT, inputs: Mapping[str, Schema], context: Context) -> str:
        """One SELECT in DuckDB's dialect.

        Raises ``ExpressionError`` for an expression that cannot be used.
        """
        raise NotImplementedError

    def held(self, config: ConfigT, rows: Schema) -> Held | None:
        """What it holds of the groups of its one input; None where DuckDB can write it to disk.

        Such groups are made some at a time, each over all of its rows.
        """
        return None

    def check(
        self, config: ConfigT, inputs: Mapping[str, Schema], context: Context
    ) -> Iterable[Issue]:
        """Findings beyond what binding the SQL would raise (implicit casts, missing columns).

        Issues carry ``field`` (a dotted config path) and no node.
        """
        return ()


class Function(Transform[ConfigT]):
    """A transform that is done outside of DuckDB, over all rows of its one input at once.

    ``sql`` only says what it yields: a SELECT without rows.
    """

    is_kept = True

    def call(self, config: ConfigT, what: Call) -> pa.RecordBatchReader:
        """The rows it makes, in the columns that ``what`` expects."""
        raise NotImplementedError


class Source(Kind[ConfigT]):
    """A kind that brings rows in through a connector."""

    role: ClassVar[Role] = "source"
    inputs: ClassVar[tuple[str, ...]] = ()

    def extraction(self, config: ConfigT, context: Context) -> Extraction:
        """What this node asks of its connection's connector."""
        raise NotImplementedError

    def incremental(self, config: ConfigT) -> Window | None:
        """By which column only new rows are read; None where all are."""
        return None

    def sessions(self, config: ConfigT) -> int:
        """How many sessions may read its rows side by side, each a part."""
        return 1

    def check(self, config: ConfigT, output: Schema, context: Context) -> Iterable[Issue]:
        """Findings once the columns it yields are known; issues as in ``Transform.check``."""
        return ()


class Target(Kind[ConfigT]):
    """A kind that takes rows out through a connector."""

    role: ClassVar[Role] = "target"
    outputs: ClassVar[tuple[str, ...]] = ()

    def table(self, config: ConfigT) -> TableName:
        """The table this node writes to."""
        raise NotImplementedError

    def load(self, config: ConfigT, load: Load) -> Load:
        """``load`` with what only connectors of this kind's medium need to know."""
        return load

    def mapping(self, config: ConfigT, rows: Schema, table: Sequence[Column]) -> Mapping[str, str]:
        """Target column → input column, for ``rows`` written into a ``table`` of these columns."""
        raise NotImplementedError

    def creates(self, config: ConfigT) -> bool:
        """Whether it makes its table where there is none."""
        return False

    def created(self, config: ConfigT, rows: Schema) -> tuple[Column, ...]:
        """Columns, in DuckDB types, of the table it makes for ``rows``; none if it makes none."""
        return ()

    def keys(self, config: ConfigT, table: Sequence[Column]) -> tuple[str, ...]:
        """Target columns that identify a row, as the ``table`` spells them; none if unused."""
        return ()

    def check(self, config: ConfigT, rows: Schema, table: Sequence[Column]) -> Iterable[Issue]:
        """Findings about writing ``rows`` there; issues as in ``Transform.check``."""
        return ()


AnyKind = Kind[Any]
