"""The part of a condition that MongoDB can decide: never a row less than DuckDB would let pass.

Of the terms joined by AND: whole numbers compared with whole numbers, texts and truth values
that equal a constant, moments before or after one, and whether there is a value. Doubles and
decimals are left out, because both sides order them differently.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlglot
from sqlglot import exp

from engine.columns.family import Family, family_of
from engine.connectors.mongodb.fields import Field
from engine.expression import to_sql
from engine.schema import Schema

Condition = dict[str, Any]

_SIGNS: dict[type[exp.Expr], str] = {
    exp.EQ: "$eq",
    exp.LT: "$lt",
    exp.LTE: "$lte",
    exp.GT: "$gt",
    exp.GTE: "$gte",
}
_INTEGERS = {"SMALLINT", "INTEGER", "BIGINT"}
_INT64 = range(-(2**63), 2**63)


def pushed(
    text: str, fields: Mapping[str, Field], parameters: Mapping[str, Any]
) -> list[Condition]:
    """Conditions that all hold for every row that ``text`` lets pass.

    ``fields`` are found by the casefolded name of their column.
    """
    schema = Schema(tuple(field.column for field in fields.values()))
    tree = sqlglot.parse_one(to_sql(text, schema, parameters), read="duckdb").unnest()
    terms = tree.flatten() if isinstance(tree, exp.And) else [tree]
    return [found for term in terms if (found := _condition(term.unnest(), fields))]


def _condition(term: exp.Expr, fields: Mapping[str, Field]) -> Condition:
    if isinstance(term, exp.And):
        parts = [found for p in term.flatten() if (found := _condition(p.unnest(), fields))]
        return {"$and": parts} if parts else {}
    negated = term.this.unnest() if isinstance(term, exp.Not) else None
    if isinstance(negated or term, exp.Is):
        return _null_test(negated or term, fields, is_negated=negated is not None)
    if isinstance(negated or term, exp.Column):
        return _truth(negated or term, fields, is_negated=negated is not None)
    if isinstance(term, exp.In) and not term.args.get("query"):
        field = _field(term.this, fields)
        values = [_constant(value) for value in term.expressions]
        return _one_of(field, values) if field else {}
    if type(term) in _SIGNS and (field := _field(term.this, fields)):
        return _comparison(field, _SIGNS[type(term)], _constant(term.expression))
    return {}


def _field(node: exp.Expr, fields: Mapping[str, Field]) -> Field | None:
    node = node.unnest()
    return fields.get(node.name.casefold()) if isinstance(node, exp.Column) else None


def _null_test(term: exp.Expr, fields: Mapping[str, Field], *, is_negated: bool) -> Condition:
    """Not where a path may lead into an array, and a value be there besides one that is not."""
    field = _field(term.this, fields)
    is_test = isinstance(term.args["expression"], exp.Null)
    if not field or not is_test or len(field.path) > 1 or field.column.type == "JSON":
        return {}
    return {field.path[0]: {"$ne": None} if is_negated else None}


def _truth(term: exp.Expr, fields: Mapping[str, Field], *, is_negated: bool) -> Condition:
    field = _field(term, fields)
    is_boolean = field is not None and field.column.type == "BOOLEAN"
    return {".".join(field.path): not is_negated} if field and is_boolean else {}


def _comparison(field: Field, sign: str, value: Any) -> Condition:
    name = ".".join(field.path)
    if isinstance(value, datetime) and family_of(field.column.type) is Family.TIMESTAMP:
        return {name: dict(_around(sign, value))}
    if sign == "$eq":
        return _one_of(field, [value])
    is_whole = isinstance(value, int) and field.column.type in _INTEGERS
    return {name: {sign: value}} if is_whole and value in _INT64 else {}


def _one_of(field: Field, values: list[Any]) -> Condition:
    if field.column.type in _INTEGERS:
        found = [[value] if isinstance(value, int) and value in _INT64 else [] for value in values]
    elif field.column.type == "VARCHAR":
        found = [list(_stored(value)) if isinstance(value, str) else [] for value in values]
    else:
        return {}
    if not all(found):
        return {}
    return {".".join(field.path): {"$in": [value for each in found for value in each]}}


def _stored(text: str) -> Iterator[Any]:
    """Every value that is read as ``text``."""
    from bson import Decimal128, ObjectId

    yield text
    if ObjectId.is_valid(text):
        yield ObjectId(text)
    for make in (Decimal128, uuid.UUID):
        try:
            yield make(text)
        except (ValueError, ArithmeticError):
            continue


def _around(sign: str, moment: datetime) -> Iterator[tuple[str, datetime]]:
    """MongoDB's moments are whole milliseconds: the next one on the side that lets more pass."""
    rest = moment.microsecond % 1000
    floor = moment - timedelta(microseconds=rest)
    if sign in {"$gt", "$gte", "$eq"}:
        yield "$gte", floor
    if sign in {"$lt", "$lte", "$eq"}:
        yield "$lte", floor + timedelta(milliseconds=1 if rest else 0)


def _constant(node: exp.Expr) -> Any:
    """The value of a constant, as far as it is of use here; else None."""
    node = node.unnest()
    if isinstance(node, exp.Neg):
        inner = _constant(node.this)
        return -inner if isinstance(inner, int) else None
    if isinstance(node, exp.Literal):
        return node.this if node.is_string else int(node.this) if node.this.isdigit() else None
    if isinstance(node, exp.Cast) and node.is_type(*_MOMENTS) and node.this.is_string:
        return _moment(node.this.this)
    return None


_MOMENTS = ("timestamp", "timestamptz", "date")


def _moment(text: str) -> datetime | None:
    """Without an offset it is UTC, as in the engine."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
