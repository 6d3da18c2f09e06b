"""The allow-list: expressions that mean the same in PostgreSQL as in DuckDB.

Same values, and errors for the same rows: types are those DuckDB gives each part, decimals are
held to its digits, and text is compared byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from engine.columns.binding import types_of
from engine.expression import Translator, parse
from engine.schema import Schema

#: With the digits they may have.
INTEGERS = {"SMALLINT": 5, "INTEGER": 10, "BIGINT": 19}
_NATIVE = {
    "SMALLINT": "int2",
    "INTEGER": "int4",
    "BIGINT": "int8",
    "VARCHAR": "text",
    "BOOLEAN": "bool",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
}
_ORDERED = frozenset({"BOOLEAN", "DATE", "TIMESTAMP"})
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}
_LOGIC: dict[type[exp.Expr], str] = {exp.And: "AND", exp.Or: "OR"}
#: What has no type of its own, and takes that of what stands beside it.
_NUMBER, _NULL = "a whole number", "NULL"
#: Digits to which DuckDB holds a decimal that would have more.
_HELD = (18, 38)
_MAX_DIGITS = 38
_MAX_LITERAL = 18


class NotTheSame(Exception):
    """Something is not known to mean the same in both."""


@dataclass(frozen=True, slots=True)
class Value:
    """PostgreSQL's SQL of a value, and the type it has in DuckDB."""

    sql: str
    type: str
    #: Whether there are values of the columns for which it has none.
    can_fail: bool = False


def written(text: str, columns: Mapping[str, str], rows: Schema) -> Value:
    """An expression in PostgreSQL's words.

    ``columns`` are names in small letters and PostgreSQL's SQL of those that may be used.
    Raises ``NotTheSame``.
    """
    writer, node = _Writer(columns, rows), parse(text)
    type_ = writer.type(node)
    value = writer.value(node)
    return Value(converted(value, type_), type_, value.can_fail or value.type != type_)


def condition(text: str, columns: Mapping[str, str], rows: Schema) -> str:
    """A condition in PostgreSQL's words. Raises ``NotTheSame``."""
    return _boolean(written(text, columns, rows))


def converted(value: Value, type_: str) -> str:
    """The SQL of a value as another type; raises ``NotTheSame`` unless that means the same."""
    if value.type == type_:
        return value.sql
    is_exact = value.type in (_NUMBER, *INTEGERS) or decimal_of(value.type)
    is_number = type_ in INTEGERS or decimal_of(type_)
    is_wider = type_ in INTEGERS and not decimal_of(value.type)
    if value.type == _NULL or (is_exact and is_number and (is_wider or decimal_of(type_))):
        return f"({value.sql})::{native_of(type_)}"
    raise NotTheSame(f"{value.type} as {type_}")


class _Writer:
    def __init__(self, columns: Mapping[str, str], rows: Schema) -> None:
        self._columns = columns
        self._rows = rows

    def value(self, node: exp.Expr) -> Value:
        if type(node) in _ARITHMETIC:
            return self._arithmetic(node)
        if type(node) in _COMPARISONS:
            left, right = self.value(node.this), self.value(node.expression)
            return _compared(left, _COMPARISONS[type(node)], right)
        if type(node) in _LOGIC:
            sides = [_safe(self.value(side)) for side in (node.this, node.expression)]
            return Value(f"({sides[0].sql} {_LOGIC[type(node)]} {sides[1].sql})", "BOOLEAN")
        rule = _RULES.get(type(node))
        if rule is None:
            raise NotTheSame(node.key)
        return rule(self, node)

    def _column(self, node: exp.Expr) -> Value:
        column = self._rows.find(node.name)
        if column is None or column.name.casefold() not in self._columns:
            raise NotTheSame(f"column '{node.name}'")
        return Value(self._columns[column.name.casefold()], column.type)

    def _literal(self, node: exp.Expr) -> Value:
        if node.args.get("is_string"):
            return Value("'" + node.name.replace("'", "''") + "'::text", "VARCHAR")
        if not re.fullmatch(r"\d+(\.\d+)?", node.name, re.ASCII):
            raise NotTheSame(node.name)
        if len(node.name) > _MAX_LITERAL:
            raise NotTheSame(node.name)
        return Value(node.name, self.type(node) if "." in node.name else _NUMBER)

    def _negative(self, node: exp.Expr) -> Value:
        inner = self.value(node.this)
        if inner.type != _NUMBER and inner.type not in INTEGERS and not decimal_of(inner.type):
            raise NotTheSame(f"-{inner.type}")
        return Value(f"(- {inner.sql})", inner.type, inner.can_fail or inner.type in INTEGERS)

    def _arithmetic(self, node: exp.Expr) -> Value:
        sign, type_ = _ARITHMETIC[type(node)], self.type(node)
        left, right = self.value(node.this), self.value(node.expression)
        digits = decimal_of(type_)
        if digits is None or (digits[0] in _HELD and sign != "*"):
            left_sql, right_sql = converted(left, type_), converted(right, type_)
        else:
            left_sql, right_sql = _exact(left), _exact(right)
        sql = f"({left_sql} {sign} {right_sql})"
        if digits is None:
            return Value(sql, type_, can_fail=True)
        if digits[0] in _HELD:
            return Value(f"{sql}::{native_of(type_)}", type_, can_fail=True)
        return Value(sql, type_, left.can_fail or right.can_fail)

    def _joined(self, node: exp.Expr) -> Value:
        sides = [self.value(side) for side in (node.this, node.expression)]
        if any(side.type != "VARCHAR" for side in sides):
            raise NotTheSame("|| of other things than text")
        can_fail = any(side.can_fail for side in sides)
        return Value(f"({sides[0].sql} || {sides[1].sql})", "VARCHAR", can_fail)

    def _not(self, node: exp.Expr) -> Value:
        inner = self.value(node.this)
        return Value(f"(NOT {_boolean(inner)})", "BOOLEAN", inner.can_fail)

    def _is(self, node: exp.Expr) -> Value:
        subject, what = self.value(node.this), node.expression
        if isinstance(what, exp.Null):
            return Value(f"({subject.sql} IS NULL)", "BOOLEAN", subject.can_fail)
        truth = "TRUE" if isinstance(what, exp.Boolean) and what.this else "FALSE"
        return Value(f"({_boolean(subject)} IS {truth})", "BOOLEAN", subject.can_fail)

    def _in(self, node: exp.Expr) -> Value:
        subject = self.value(node.this)
        members = [_sure(self.value(member)) for member in node.expressions]
        tests = [_compared(subject, "=", member).sql for member in members]
        return Value(f"({' OR '.join(tests)})", "BOOLEAN", subject.can_fail)

    def _between(self, node: exp.Expr) -> Value:
        subject = self.value(node.this)
        low = _compared(subject, ">=", _sure(self.value(node.args["low"])))
        high = _compared(subject, "<=", _sure(self.value(node.args["high"])))
        return Value(f"({low.sql} AND {high.sql})", "BOOLEAN", subject.can_fail)

    def _case(self, node: exp.Expr) -> Value:
        type_ = self.type(node)
        subject = self.value(node.this) if node.this else None
        parts = []
        for branch in node.args["ifs"]:
            test, result = self.value(branch.this), self.value(branch.args["true"])
            when = _compared(subject, "=", test).sql if subject else _boolean(test)
            parts.append(f"WHEN {when} THEN {converted(result, type_)}")
        if default := node.args.get("default"):
            parts.append(f"ELSE {converted(self.value(default), type_)}")
        return Value(f"(CASE {' '.join(parts)} END)", type_, can_fail=True)

    def _call(self, node: exp.Expr) -> Value:
        if node.name.lower() != "coalesce":
            raise NotTheSame(node.name)
        type_ = self.type(node)
        values = [converted(self.value(argument), type_) for argument in node.expressions]
        return Value(f"coalesce({', '.join(values)})", type_, can_fail=True)

    def _cast(self, node: exp.Expr) -> Value:
        type_ = self.type(node)
        return Value(converted(self.value(node.this), type_), type_, can_fail=True)

    def type(self, node: exp.Expr) -> str:
        """What DuckDB makes of a part."""
        (type_,) = types_of([Translator(self._rows, {}).term(node).sql], self._rows)
        return type_


def _compared(left: Value, sign: str, right: Value) -> Value:
    types, can_fail = {left.type, right.type}, left.can_fail or right.can_fail
    if types == {"VARCHAR"}:
        sql = f'({left.sql} COLLATE "C" {sign} {right.sql} COLLATE "C")'
        return Value(sql, "BOOLEAN", can_fail)
    if not (len(types) == 1 and types <= _ORDERED):
        digits = [_digits(value) for value in (left, right)]
        if max(whole for whole, _ in digits) + max(scale for _, scale in digits) > _MAX_DIGITS:
            raise NotTheSame("numbers that have no type in common")
    return Value(f"({left.sql} {sign} {right.sql})", "BOOLEAN", can_fail)


def _sure(value: Value) -> Value:
    """A value that is there for every row: which parts are looked at first is nobody's promise."""
    if value.can_fail:
        raise NotTheSame("what can fail beside what decides alone")
    return value


def _safe(value: Value) -> Value:
    _boolean(value)
    return _sure(value)


def _boolean(value: Value) -> str:
    if value.type != "BOOLEAN":
        raise NotTheSame(f"{value.type} as a condition")
    return value.sql


def _exact(value: Value) -> str:
    """A number as a numeric, so that it is never reckoned with as an integer."""
    _digits(value)
    return value.sql if decimal_of(value.type) else f"({value.sql})::numeric"


def _digits(value: Value) -> tuple[int, int]:
    """Digits before and after the point that an exact number may have."""
    if decimal := decimal_of(value.type):
        return decimal[0] - decimal[1], decimal[1]
    if value.type == _NUMBER:
        return _MAX_LITERAL, 0
    if value.type in INTEGERS:
        return INTEGERS[value.type], 0
    raise NotTheSame(f"{value.type} as a number")


def decimal_of(type_: str) -> tuple[int, int] | None:
    """Digits of a decimal, and those after its point."""
    found = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", type_)
    return (int(found[1]), int(found[2])) if found else None


def native_of(type_: str) -> str:
    """PostgreSQL's name of a type. Raises ``NotTheSame``."""
    if decimal := decimal_of(type_):
        return f"numeric({decimal[0]},{decimal[1]})"
    if type_ not in _NATIVE:
        raise NotTheSame(type_)
    return _NATIVE[type_]


_Rule = Callable[[_Writer, exp.Expr], Value]
_RULES: dict[type[exp.Expr], _Rule] = {
    exp.Column: _Writer._column,
    exp.Literal: _Writer._literal,
    exp.Boolean: lambda writer, node: Value("TRUE" if node.this else "FALSE", "BOOLEAN"),
    exp.Null: lambda writer, node: Value("NULL", _NULL),
    exp.Paren: lambda writer, node: writer.value(node.this),
    exp.Neg: _Writer._negative,
    exp.DPipe: _Writer._joined,
    exp.Not: _Writer._not,
    exp.Is: _Writer._is,
    exp.In: _Writer._in,
    exp.Between: _Writer._between,
    exp.Case: _Writer._case,
    exp.Anonymous: _Writer._call,
    exp.Cast: _Writer._cast,
}
