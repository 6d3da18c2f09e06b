"""What a SELECT of a user's holds in memory for all of its groups at once.

DuckDB writes groups to disk when memory runs out, but not the texts that their values are: an
aggregate node makes such groups in rounds, a SELECT is done as it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlglot import exp

from engine.columns.family import Family, family_of
from engine.expression import parse
from engine.issue import Issue, Severity
from engine.query_types import sight_of
from engine.schema import Schema

#: Held where the values are texts, as far as that is known.
_ONE_OF_MANY = frozenset({"min", "max", "first", "last", "any_value", "arg_min", "arg_max"})


def check_memory(text: str, inputs: Mapping[str, Schema]) -> Iterable[Issue]:
    """A warning for each SELECT over ``inputs`` whose groups keep texts; ``text`` parses."""
    for select in parse(text).find_all(exp.Select):
        calls = select.find_all(exp.Anonymous) if select.args.get("group") else ()
        held = next((c for c in calls if c.parent_select is select and _keeps(c, inputs)), None)
        if held is not None:
            message = (
                f"'{held.sql(dialect='duckdb')}' keeps the texts of all groups in memory, and the "
                "run fails with E_MEMORY where they do not fit; an aggregate node makes the groups "
                "in rounds, or filter and select before"
            )
            yield Issue(code="memory_held", message=message, severity=Severity.WARNING)


def _keeps(call: exp.Anonymous, inputs: Mapping[str, Schema]) -> bool:
    name = str(call.this).casefold()
    if name not in _ONE_OF_MANY:
        return name == "string_agg"
    select, value = call.parent_select, call.expressions[0] if call.expressions else None
    if select is None or not isinstance(value, exp.Column):
        return False
    column = sight_of(select, inputs).find(value.name, value.table.casefold())
    return column is not None and family_of(column.type) in (Family.TEXT, Family.BINARY)
