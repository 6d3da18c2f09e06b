"""The old expression language → ours, by syntax tree; nothing is ever evaluated here.

Differences: texts stand in single or double quotes, ``==`` compares, ``IF`` is a function,
and functions have names of their own. What is not in the tables below is refused, as are
statements, subqueries, attributes and whatever else the old evaluators let through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp, parser, tokens
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from engine.errors import ExpressionError
from engine.suggestion import unknown

_LONGEST = 10_000
_DEEPEST = 100

_ALLOWED = (
    exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Boolean, exp.Paren, exp.And, exp.Or,
    exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between,
    exp.Like, exp.ILike, exp.Escape, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg,
    exp.DPipe, exp.Case, exp.If, exp.Cast, exp.DataType, exp.DataTypeParam, exp.Anonymous,
)  # fmt: skip

#: Old name → ours, with the same arguments.
_RENAMED: Mapping[str, str] = {
    **{
        name: name
        for name in (
            "abs", "ceil", "chr", "coalesce", "concat", "cos", "cosh", "exp", "floor", "length",
            "ln", "lower", "lpad", "ltrim", "mod", "power", "replace", "reverse", "round", "rpad",
            "rtrim", "sin", "sqrt", "tan", "tanh", "trim", "upper",
        )
    },
    "initcap": "initcap",
    "instr": "strpos",
    "last_day": "last_day",
    "nvl": "coalesce",
    "substr": "substring",
}  # fmt: skip

_REMOVED = {
    **dict.fromkeys(
        ("aes_encrypt", "aes_decrypt", "compress", "decompress"),
        "remove the expression, or do that step in the source's SQL",
    ),
    **dict.fromkeys(
        (
            "convert_base",
            "crc32",
            "dec_base64",
            "enc_base64",
            "generate_uuid",
            "md5",
            "set_date_part",
            "systimestamp",
        ),
        "its exact meaning is not defined; do that step in the source's SQL",
    ),
    **dict.fromkeys(
        ("avg", "count", "first", "last", "max", "mean", "min", "std", "sum", "var"),
        "an aggregate belongs in a group node",
    ),
}

_WANTED = (
    "expected one condition or calculation of columns, values, operators and functions, without "
    "statements"
)

_DATE_PARTS = {
    **dict.fromkeys(("y", "yy", "yyy", "yyyy"), "year"),
    **dict.fromkeys(("m", "mm", "mon", "month"), "month"),
    **dict.fromkeys(("d", "dd", "ddd", "dy", "day"), "day"),
    **dict.fromkeys(("hh", "hh12", "hh24"), "hour"),
    "mi": "minute",
    "ss": "second",
}


class _Old(Dialect):
    class Tokenizer(tokens.Tokenizer):
        QUOTES = ["'", '"']
        IDENTIFIERS = ["`"]
        COMMENTS: ClassVar[list[str | tuple[str, str]]] = []

    class Parser(parser.Parser):
        # Every call stays a plain name with arguments: only our tables know functions.
        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {}
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}
        NO_PAREN_FUNCTION_PARSERS = {
            "CASE": parser.Parser.NO_PAREN_FUNCTION_PARSERS["CASE"],
        }
        FUNCTION_PARSERS = {"CAST": parser.Parser.FUNCTION_PARSERS["CAST"]}


def translate_expression(text: str) -> str:
    """The same expression in our language.

    Raises ExpressionError for what does not parse, and for what is not allowed.
    """
    tree = _parse(text)
    for part in tree.walk():
        _check(part)
    return tree.transform(_translate_call).sql(dialect="duckdb")


def _parse(text: str) -> exp.Expr:
    if len(text) > _LONGEST or text.count("(") > _DEEPEST:
        raise ExpressionError(
            f"longer than {_LONGEST} characters or with more than {_DEEPEST} parentheses"
        )
    try:
        statements = sqlglot.parse(f"SELECT {text}", dialect=_Old)
    except (SqlglotError, RecursionError) as error:
        raise ExpressionError(f"{_unreadable(error)}; {_WANTED}") from None
    [select, *others] = statements
    if others or not isinstance(select, exp.Select) or not _is_one_value(select):
        raise ExpressionError(f"this is more than one expression; {_WANTED}")
    value: exp.Expr = select.expressions[0]
    return value


def _unreadable(error: Exception) -> str:
    """Where reading ended; of the parser's own words there is nothing that users know."""
    found = getattr(error, "errors", None)
    near = str(found[0].get("highlight") or "") if found else ""
    return f"it cannot be read at '{near}'" if near.strip() else "it cannot be read to its end"


def _is_one_value(select: exp.Select) -> bool:
    clauses = [key for key, value in select.args.items() if value and key != "expressions"]
    return not clauses and len(select.expressions) == 1


def _check(part: exp.Expr) -> None:
    if not isinstance(part, _ALLOWED):
        raise ExpressionError(f"'{part.sql()[:80]}' is not allowed; {_WANTED}")
    if isinstance(part, exp.Column) and part.table:
        raise ExpressionError(
            f"'{part.sql()[:80]}' is not a column; leave out what is before the point"
        )


def _translate_call(part: exp.Expr) -> exp.Expr:
    if not isinstance(part, exp.Anonymous):
        return part
    name, arguments = str(part.this).casefold(), part.expressions
    if name in _SPECIAL:
        return _SPECIAL[name](*_exactly(name, arguments))
    if name in _RENAMED:
        return exp.Anonymous(this=_RENAMED[name], expressions=arguments)
    if name in _REMOVED:
        raise ExpressionError(f"function '{part.this}' is not supported here; {_REMOVED[name]}")
    raise ExpressionError(unknown("function", str(part.this), sorted({*_RENAMED, *_SPECIAL})))


def _exactly(name: str, arguments: list[exp.Expr]) -> list[exp.Expr]:
    counts = _ARGUMENTS[name]
    if len(arguments) not in counts:
        expected = " or ".join(map(str, counts))
        raise ExpressionError(f"'{name}' takes {expected} arguments, not {len(arguments)}")
    return arguments


def _if(condition: exp.Expr, then: exp.Expr, *other: exp.Expr) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=condition, true=then)], default=other[0] if other else None)


def _log(first: exp.Expr, *second: exp.Expr) -> exp.Expr:
    """Natural with one argument; with two the first is the base."""
    if not second:
        return _ln(first)
    return exp.Paren(this=exp.Div(this=_ln(second[0]), expression=_ln(first)))


def _ln(value: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="ln", expressions=[value])


def _date_part(column: exp.Expr, part: exp.Expr) -> exp.Expr:
    unit = _DATE_PARTS.get(part.name.casefold()) if isinstance(part, exp.Literal) else None
    if unit is None:
        raise ExpressionError(f"unknown part of a date {part.sql()}; known: Y, MM, DD, HH, MI, SS")
    return exp.Anonymous(this="date_part", expressions=[exp.Literal.string(unit), column])


def _cast(to: str) -> Callable[[exp.Expr], exp.Expr]:
    return lambda value: exp.cast(value, to)


_SPECIAL: Mapping[str, Callable[..., exp.Expr]] = {
    "if": _if,
    "isnull": lambda value: exp.Is(this=value, expression=exp.Null()),
    "log": _log,
    "get_date_part": _date_part,
    "to_char": _cast("varchar"),
    "to_number": _cast("decimal(38, 10)"),
    "to_integer": _cast("bigint"),
    "to_date": _cast("date"),
}
_ARGUMENTS: Mapping[str, tuple[int, ...]] = {
    "if": (2, 3),
    "isnull": (1,),
    "log": (1, 2),
    "get_date_part": (2,),
    "to_char": (1,),
    "to_number": (1,),
    "to_integer": (1,),
    "to_date": (1,),
}
