"""Syntax tree → DuckDB SQL. A node without a rule here cannot get through.

The SQL is written anew from the tree: nothing of the user's text is passed on but names
of columns that exist, constants (quoted again) and functions of the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from engine.columns.family import Family, family_of
from engine.errors import ExpressionError
from engine.expression.calculation import calculate
from engine.expression.constants import constant
from engine.expression.forbidden import forbidden, refuse_parts
from engine.expression.functions import FUNCTIONS, UNITS, Function
from engine.expression.growth import growth_of
from engine.expression.pattern import like
from engine.expression.syntax import offset_of
from engine.expression.term import (
    Term,
    alike,
    compare,
    condition,
    conversion,
    literal,
    mismatch,
    of_column,
    quoted,
)
from engine.expression.types import type_of
from engine.issue import Issue, Severity
from engine.schema import Schema
from engine.suggestion import unknown

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
_ARITHMETIC: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.IntDiv: "//",
    exp.Mod: "%",
}
_LOGIC: dict[type[exp.Expr], str] = {exp.And: "AND", exp.Or: "OR"}
_OPERATORS = {**_COMPARISONS, **_ARITHMETIC, **_LOGIC, exp.DPipe: "||"}
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|\.[0-9]+", re.ASCII)


class Translator:
    """Translates one expression; ``issues`` and ``errors`` gather what was found on the way."""

    def __init__(self, schema: Schema, parameters: Mapping[str, Any]) -> None:
        self.schema = schema
        self.parameters = parameters
        self.issues: list[Issue] = []
        self.errors: list[ExpressionError] = []

    def term(self, node: exp.Expr) -> Term:
        """``node`` as SQL. Raises ``ExpressionError`` for what the language does not have."""
        if type(node) in _OPERATORS:
            return self._chain(node)
        rule = _RULES.get(type(node))
        if rule is None:
            raise forbidden(node)
        translate, parts = rule
        refuse_parts(node, parts)
        return translate(self, node)

    def _chain(self, node: exp.Expr) -> Term:
        """Operators of a chain ``a + b + c`` in a loop: it may be longer than the stack."""
        chain = []
        while type(node) in _OPERATORS:
            refuse_parts(node, ("this", "expression"))
            chain.append(node)
            node = node.this
        term = self.term(node)
        for operation in reversed(chain):
            term = self._operation(operation, term, self.term(operation.expression))
        return term

    def _operation(self, node: exp.Expr, left: Term, right: Term) -> Term:
        kind, sign = type(node), _OPERATORS[type(node)]
        family, growth = Family.BOOLEAN, 1
        if kind in _COMPARISONS:
            self._note(compare(left, right))
            if Family.NULL in (left.family, right.family) and sign not in _NULL_SAFE:
                self._note([_NULL_COMPARISON])
        elif kind in _LOGIC:
            self._note((*condition(left), *condition(right)))
        elif kind in _ARITHMETIC:
            family = self._arithmetic(sign, left, right)
        else:
            family, growth = Family.TEXT, growth_of("||", (left, right))
        label = f"the result of '{sign}'"
        return Term(f"({left.sql} {sign} {right.sql})", family, label, growth=growth)

    def _arithmetic(self, sign: str, left: Term, right: Term) -> Family:
        family = calculate(left.family, sign, right.family)
        if family is None:
            is_text = sign == "+" and Family.TEXT in (left.family, right.family)
            hint = "join texts with ||" if is_text else ""
            self._note([mismatch(f"'{sign}'", "numbers", left, right, hint=hint)])
        return family or Family.OTHER

    def _column(self, node: exp.Expr) -> Term:
        name = node.name
        column = self.schema.find(name)
        if column is None:
            message = unknown("column", name, self.schema.names)
            if node.this.args.get("quoted"):
                message += "; text goes in single quotes"
            self._error(message, "unknown_column", node)
            return Term("NULL", Family.OTHER, f"column '{name}'")
        return of_column(column)

    def _literal(self, node: exp.Expr) -> Term:
        if node.args.get("is_string"):
            return quoted(node.name)
        if not _NUMBER.fullmatch(node.name):
            raise ExpressionError(f"'{node.name}' is not a number; use digits and one point")
        return Term(node.name, Family.NUMBER, node.name)

    def _boolean(self, node: exp.Expr) -> Term:
        sql = "TRUE" if node.this else "FALSE"
        return Term(sql, Family.BOOLEAN, sql.lower())

    def _parameter(self, node: exp.Expr) -> Term:
        name = node.name
        if not name or name not in self.parameters:
            message = unknown("parameter", name, sorted(self.parameters))
            self._error(message, "unknown_parameter", node)
            return Term("NULL", Family.OTHER, f"parameter '{name}'")
        return constant(self.parameters[name], f"parameter '{name}'")

    def _call(self, node: exp.Expr) -> Term:
        function = FUNCTIONS.get(node.name.lower())
        if function is None:
            self._error(unknown("function", node.name, FUNCTIONS), "unknown_function", node)
            for argument in node.expressions:
                self.term(argument)
            return Term("NULL", Family.OTHER, f"{node.name}(…)")
        return self._apply(function, node.expressions, offset_of(node))

    def _apply(self, function: Function, arguments: Sequence[exp.Expr], offset: int) -> Term:
        if not function.takes(len(arguments)):
            message = f"'{function.name}' got {len(arguments)} arguments; use {function.signature}"
            raise ExpressionError(message, offset=offset)
        terms = [
            self._argument(function, index, argument) for index, argument in enumerate(arguments)
        ]
        family = self._returned(function, terms)
        growth = growth_of(function.name, terms)
        return Term(
            function.sql([t.sql for t in terms]), family, f"{function.name}(…)", None, growth
        )

    def _argument(self, function: Function, index: int, node: exp.Expr) -> Term:
        wanted = function.parameter(index)
        if wanted == "unit":
            return _unit(node)
        term = self.term(node)
        if wanted == "boolean":
            self._note(condition(term))
        elif wanted not in ("any", "same") and not term.family.is_unknown:
            fits = term.family.is_moment if wanted == "date" else term.family == wanted
            if not fits:
                self._note([mismatch(f"'{function.name}'", _PLURAL[wanted], term)])
        return term

    def _returned(self, function: Function, terms: Sequence[Term]) -> Family:
        same = [t for i, t in enumerate(terms) if function.parameter(i) == "same"]
        if not same:
            return Family(function.returns)
        family, issues = alike(same)
        self._note(issues)
        return family if function.returns == "same" else Family(function.returns)

    def _cast(self, node: exp.Expr) -> Term:
        term, type_ = self.term(node.this), type_of(node.args["to"])
        keyword = "TRY_CAST" if isinstance(node, exp.TryCast) else "CAST"
        if keyword == "CAST":
            self._note(conversion(term, type_))
        sql = f"{keyword}({term.sql} AS {type_})"
        return Term(sql, family_of(type_), f"cast to {type_.lower()}", growth=term.growth)

    def _case(self, node: exp.Expr) -> Term:
        subject = self.term(node.this) if node.this else None
        results, sql = [], ["CASE", subject.sql if subject else ""]
        for branch in node.args["ifs"]:
            test, result = self.term(branch.this), self.term(branch.args["true"])
            self._note(compare(subject, test) if subject else condition(test))
            results.append(result)
            sql.append(f"WHEN {test.sql} THEN {result.sql}")
        if default := node.args.get("default"):
            results.append(self.term(default))
            sql.append(f"ELSE {results[-1].sql}")
        family, issues = alike(results)
        self._note(issues)
        growth = max(result.growth for result in results)
        return Term(f"{' '.join(filter(None, sql))} END", family, "the case", growth=growth)

    def _in(self, node: exp.Expr) -> Term:
        subject, members = self.term(node.this), [self.term(e) for e in node.expressions]
        if not members:
            raise ExpressionError("'in' has an empty list; write at least one value")
        for member in members:
            self._note(compare(subject, member))
        listed = ", ".join(member.sql for member in members)
        return Term(f"({subject.sql} IN ({listed}))", Family.BOOLEAN, "'in'")

    def _between(self, node: exp.Expr) -> Term:
        subject, low, high = (self.term(node.args[part]) for part in ("this", "low", "high"))
        self._note((*compare(subject, low), *compare(subject, high)))
        sql = f"({subject.sql} BETWEEN {low.sql} AND {high.sql})"
        return Term(sql, Family.BOOLEAN, "'between'")

    def _is(self, node: exp.Expr) -> Term:
        subject, value = self.term(node.this), node.expression
        if not isinstance(value, exp.Null | exp.Boolean):
            raise forbidden(value)
        if isinstance(value, exp.Boolean):
            self._note(condition(subject))
        return Term(f"({subject.sql} IS {self.term(value).sql})", Family.BOOLEAN, "'is'")

    def _like(self, node: exp.Expr, escape: str = "") -> Term:
        subject, pattern = self.term(node.this), self.term(node.expression)
        for term in (subject, pattern):
            if term.family is not Family.TEXT and not term.family.is_unknown:
                self._note([mismatch("'like'", "text", term)])
        if pattern.text is None:
            message = "the pattern of 'like' is not a constant; use starts_with or contains"
            raise ExpressionError(message, finding="expression_forbidden", offset=offset_of(node))
        sql = like(subject.sql, pattern.text, escape, is_caseless=isinstance(node, exp.ILike))
        return Term(f"(NOT {sql})" if node.args.get("negate") else sql, Family.BOOLEAN, "'like'")

    def _escape(self, node: exp.Expr) -> Term:
        inner, escape = node.this, node.expression
        if not isinstance(inner, exp.Like | exp.ILike) or len(escape.name) != 1:
            raise forbidden(node)
        refuse_parts(inner, ("this", "expression", "negate"))
        return self._like(inner, escape.name)

    def _not(self, node: exp.Expr) -> Term:
        term = self.term(node.this)
        self._note(condition(term))
        return Term(f"(NOT {term.sql})", Family.BOOLEAN, "'not'")

    def _negative(self, node: exp.Expr) -> Term:
        term = self.term(node.this)
        if term.family not in (Family.NUMBER, Family.INTERVAL) and not term.family.is_unknown:
            self._note([mismatch("'-'", "numbers", term)])
        return Term(f"(-{term.sql})", term.family, "the negative")

    def _extract(self, node: exp.Expr) -> Term:
        function = FUNCTIONS["date_part"]
        unit = exp.Literal.string(node.this.name)
        return self._apply(function, (unit, node.expression), offset_of(node))

    def _interval(self, node: exp.Expr) -> Term:
        unit, amount = node.args.get("unit"), self.term(node.this)
        if unit is None:
            self._note(literal(amount.text or "", "INTERVAL"))
            return Term(f"CAST({amount.sql} AS INTERVAL)", Family.INTERVAL, "the interval")
        if amount.text is not None:
            self._note(literal(amount.text, "DOUBLE"))
        sql = f"(CAST({amount.sql} AS BIGINT) * INTERVAL '1' {_unit(unit).text})"
        return Term(sql, Family.INTERVAL, "the interval")

    def _note(self, issues: Iterable[Issue]) -> None:
        self.issues.extend(issues)

    def _error(self, message: str, finding: str, node: exp.Expr) -> None:
        offset = offset_of(node)
        message = f"{message} at character {offset + 1}"
        self.errors.append(ExpressionError(message, finding=finding, offset=offset))


def _unit(node: exp.Expr) -> Term:
    """A unit of time, singular and small; written as a constant or, in intervals, a word."""
    name = node.name.lower()
    name = name if name in UNITS else name.removesuffix("s")
    if not isinstance(node, exp.Literal | exp.Var) or name not in UNITS:
        message = unknown("unit", node.name or type(node).__name__, sorted(UNITS))
        raise ExpressionError(f"{message}; it must be a constant", offset=offset_of(node))
    return quoted(name)


def _simple(sql: str, family: Family) -> Callable[[Translator, exp.Expr], Term]:
    return lambda translator, node: Term(sql, family, sql)


_NULL_SAFE = ("IS DISTINCT FROM", "IS NOT DISTINCT FROM")
_NULL_COMPARISON = Issue(
    code="null_comparison",
    message="a comparison with NULL is never true; use is null or is not null",
    severity=Severity.WARNING,
)
_PLURAL = {
    "text": "text",
    "number": "numbers",
    "date": "a date or timestamp",
    "interval": "an interval",
}
#: Every other node of the language: how it is translated, and the parts it may have.
_RULES: dict[type[exp.Expr], tuple[Callable[[Translator, exp.Expr], Term], tuple[str, ...]]] = {
    exp.Column: (Translator._column, ("this",)),
    exp.Literal: (Translator._literal, ("this", "is_string")),
    exp.Boolean: (Translator._boolean, ("this",)),
    exp.Null: (_simple("NULL", Family.NULL), ()),
    exp.Placeholder: (Translator._parameter, ("this",)),
    exp.Paren: (lambda translator, node: translator.term(node.this), ("this",)),
    exp.Anonymous: (Translator._call, ("this", "expressions")),
    exp.Cast: (Translator._cast, ("this", "to")),
    exp.TryCast: (Translator._cast, ("this", "to")),
    exp.Case: (Translator._case, ("this", "ifs", "default")),
    exp.In: (Translator._in, ("this", "expressions")),
    exp.Between: (Translator._between, ("this", "low", "high")),
    exp.Is: (Translator._is, ("this", "expression")),
    exp.Like: (Translator._like, ("this", "expression", "negate")),
    exp.ILike: (Translator._like, ("this", "expression", "negate")),
    exp.Escape: (Translator._escape, ("this", "expression")),
    exp.Not: (Translator._not, ("this",)),
    exp.Neg: (Translator._negative, ("this",)),
    exp.Extract: (Translator._extract, ("this", "expression")),
    exp.Interval: (Translator._interval, ("this", "unit")),
    exp.CurrentDate: (_simple("current_date", Family.DATE), ()),
    exp.CurrentTimestamp: (_simple("current_timestamp", Family.TIMESTAMP), ()),
}
