"""A chain of nodes as one SELECT of PostgreSQL's, in which the rows of each can be counted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.columns.choosing import chosen
from engine.connectors.postgresql import catalog, window
from engine.connectors.postgresql.catalog import NativeColumn
from engine.connectors.postgresql.inside.gathering import gathered
from engine.connectors.postgresql.inside.passing import Passing
from engine.connectors.postgresql.inside.reckoning import reckoned_with
from engine.connectors.postgresql.inside.terms import (
    INTEGERS,
    NotTheSame,
    Value,
    condition,
    converted,
    decimal_of,
    written,
)
from engine.expression import scalar_type
from engine.kinds.aggregate import AggregateConfig
from engine.kinds.expression import ExpressionConfig
from engine.kinds.filter import FilterConfig
from engine.kinds.select import SelectConfig
from engine.schema import Schema, quote
from engine.stages.pushdown import Chain, Layer

_INTEGERS = {"int2", "int4", "int8"}
_TEXTS = {"text", "varchar", "bpchar"}
#: What expressions may use; others only pass.
_KNOWN = _INTEGERS | _TEXTS | {"numeric", "bool", "date", "timestamp"}
_SAME = {("BOOLEAN", "boolean"), ("DATE", "date"), ("TIMESTAMP", "timestamp without time zone")}
_PASSING = {"float4", "float8", "bytea", "time", "timestamptz", "interval", "uuid", "json", "jsonb"}


@dataclass(frozen=True, slots=True)
class Made:
    """The SELECT of a chain; ``fences`` maps filters to the aliases of the rows they look at."""

    sql: str
    columns: tuple[Passing, ...]
    fences: dict[str, str]


def made(chain: Chain, found: Sequence[NativeColumn]) -> Made:
    """The chain over a table of these columns. Raises ``NotTheSame``."""
    wanted = chosen(found, chain.extraction.columns)
    used = reckoned_with(chain.layers, [column.name for column in wanted])
    result = Made(_source(chain, found, wanted, used), tuple(map(_read, wanted)), {})
    for layer in chain.layers:
        result = _LAYERS[layer.kind](result, layer)
    return result


def assigned(column: Passing, target: NativeColumn) -> str:
    """What is written into a target column. Raises ``NotTheSame``."""
    type_ = target.type
    if target.declared != type_.text:
        raise NotTheSame(f"domain {target.declared}")
    if column.native and column.native.text == type_.text:
        return column.sql
    digits = decimal_of(column.type)
    is_whole = column.type in INTEGERS or (digits is not None and digits[1] == 0)
    is_number = is_whole or digits is not None
    is_text = column.type == "VARCHAR" and (not column.native or column.native.name in _TEXTS)
    fits = (
        (is_whole and type_.name in _INTEGERS)
        or (is_number and type_.name == "numeric" and (type_.modifier < 0 or type_.is_exact))
        or (is_text and type_.name in _TEXTS)
        or (column.type, type_.text) in _SAME
    )
    if not fits:
        raise NotTheSame(f"{column.type} into {type_.text}")
    return column.sql


def _source(
    chain: Chain,
    found: Sequence[NativeColumn],
    wanted: Sequence[NativeColumn],
    used: Collection[str],
) -> str:
    extraction = chain.extraction
    if extraction.table is None or extraction.limit is not None:
        raise NotTheSame("a query")
    terms = []
    if extraction.window:
        (column,) = chosen(found, [extraction.window.column])
        terms.append(window.condition(extraction.window, column))
    if extraction.filter:
        rows = Schema(tuple(column.described() for column in found))
        columns = {c.name.casefold(): _raw(c) for c in found if c.type.name in _KNOWN}
        terms.append(condition(extraction.filter, columns, rows))
    items = ", ".join(
        f"{_raw(column, column.name.casefold() in used)} AS {quote(column.name)}"
        for column in wanted
    )
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    return f"SELECT {items} FROM {catalog.qualified(extraction.table)}{where}"


def _raw(column: NativeColumn, is_used: bool = True) -> str:
    """A column as DuckDB would get it, or as it is where nothing is done to it.

    What DuckDB could not read (NaN as a decimal) arrives as it is where it is only carried, for
    looking at every value costs a twentieth of the whole load.
    """
    type_ = column.type
    if type_.name == "bpchar":
        return f"{quote(column.name)}::text"  # without the blanks it is padded with
    if type_.name == "numeric" and not type_.is_bounded:
        raise NotTheSame("numeric without precision")
    if type_.name in _KNOWN:
        return type_.read(column.name) if is_used else quote(column.name)
    if type_.name in _PASSING:
        return quote(column.name)
    raise NotTheSame(type_.text)


def _read(column: NativeColumn) -> Passing:
    type_ = column.type
    return Passing(column.name, quote(column.name), type_.duckdb, type_)


def _kept(before: Made, layer: Layer) -> Made:
    """OFFSET 0 is a fence: PostgreSQL moves no condition across it, so its rows are counted."""
    assert isinstance(layer.config, FilterConfig)
    alias = f"fence {len(before.fences)}"
    term = condition(layer.config.condition, _usable(before.columns), layer.rows)
    sql = (
        f"SELECT * FROM (SELECT * FROM ({before.sql}) AS rows OFFSET 0) AS {quote(alias)} "
        f"WHERE {term}"
    )
    return Made(sql, before.columns, {**before.fences, layer.step: alias})


def _computed(before: Made, layer: Layer) -> Made:
    assert isinstance(layer.config, ExpressionConfig)
    columns = {column.name.casefold(): column for column in before.columns}
    usable = _usable(before.columns)
    for made_ in layer.config.columns:
        value = written(made_.expression, usable, layer.rows)
        columns[made_.name.casefold()] = Passing(made_.name, value.sql, value.type)
    return _selected(before, list(columns.values()))


def _chosen(before: Made, layer: Layer) -> Made:
    assert isinstance(layer.config, SelectConfig)
    columns = {column.name.casefold(): column for column in before.columns}
    chosen = []
    for wanted in layer.config.columns:
        column = columns[wanted.name.casefold()]
        sql, type_, native = column.sql, column.type, column.native
        if wanted.type and scalar_type(wanted.type) != type_:
            type_, native = scalar_type(wanted.type), None
            sql = converted(Value(sql, column.type), type_)
        chosen.append(Passing(wanted.rename or column.name, sql, type_, native))
    return _selected(before, chosen)


def _gathered(before: Made, layer: Layer) -> Made:
    """Behind a fence, so that no index tells the least value without all rows being read."""
    assert isinstance(layer.config, AggregateConfig)
    items, groups = gathered(layer.config, before.columns, _usable(before.columns))
    fenced = Made(f"SELECT * FROM ({before.sql}) AS rows OFFSET 0", before.columns, before.fences)
    return _selected(fenced, items, groups)


def _selected(before: Made, columns: Sequence[Passing], groups: str = "") -> Made:
    items = ", ".join(f"{column.sql} AS {quote(column.name)}" for column in columns)
    after = tuple(Passing(c.name, quote(c.name), c.type, c.native) for c in columns)
    sql = f"SELECT {items} FROM ({before.sql}) AS rows{groups}"
    return Made(sql, after, before.fences)


def _usable(columns: Sequence[Passing]) -> dict[str, str]:
    return {
        column.name.casefold(): column.sql
        for column in columns
        if column.native is None or column.native.name in _KNOWN
    }


_LAYERS = {"filter": _kept, "expression": _computed, "select": _chosen, "aggregate": _gathered}
