"""Text → syntax tree: one expression, within limits, parsed by sqlglot as DuckDB's SQL.

Function calls stay as written (sqlglot's own knowledge of functions is switched off), so
that ``functions`` alone decides what a name means.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import Token, TokenType

from engine.errors import ExpressionError

MAX_LENGTH = 10_000
#: Parentheses, calls and CASEs inside each other. sqlglot needs some 20 stack frames for each.
MAX_NESTING = 32
#: Levels of the tree; a chain ``a + b + c`` has as many as it has operators.
MAX_DEPTH = 200

_DIALECT = DuckDB()
_QUOTED = frozenset({TokenType.STRING, TokenType.IDENTIFIER})
_FOREIGN = {
    ";": "one expression is expected, without semicolons",
    ":": "parameters are written $name, casts cast(x as type)",
    ":=": "an expression cannot assign; compare with =",
    "@": "parameters are written $name",
    "**": "use power(x, y)",
    "^": "use power(x, y)",
}


class _Parser(DuckDBParser):
    FUNCTIONS: ClassVar[dict[str, Callable[..., exp.Expr]]] = {}
    FUNCTION_PARSERS = {
        name: DuckDBParser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST", "EXTRACT")
    }
    NO_PAREN_FUNCTIONS = {
        TokenType.CURRENT_DATE: exp.CurrentDate,
        TokenType.CURRENT_TIMESTAMP: exp.CurrentTimestamp,
    }
    NO_PAREN_FUNCTION_PARSERS = {"CASE": DuckDBParser.NO_PAREN_FUNCTION_PARSERS["CASE"]}


@lru_cache(maxsize=4096)
def parse(text: str) -> exp.Expr:
    """The tree of one expression; callers must not change it.

    Raises ``ExpressionError`` for what is not one expression or is beyond the limits.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"the expression has {len(text):,} characters; at most {MAX_LENGTH:,} are allowed"
        )
    if not text.strip():
        raise ExpressionError("the expression is empty; write a column, a value or a calculation")
    tree = _parse(text, _tokens(text))
    _refuse_depth(tree)
    return tree


def offset_of(node: exp.Expr) -> int:
    """Where ``node`` begins in the text, as far as the parser noted it."""
    return next((n.meta["start"] for n in node.walk(bfs=False) if "start" in n.meta), 0)


def _tokens(text: str) -> list[Token]:
    if "\0" in text:
        raise ExpressionError("the expression has a NUL character; remove it")
    try:
        tokens = _DIALECT.tokenize(text)
    except SqlglotError as error:
        raise ExpressionError("a quote is opened and not closed; close it") from error
    _refuse_invisible(text, tokens)
    _refuse_nesting(tokens)
    for token in tokens:
        if token.token_type not in _QUOTED and token.text in _FOREIGN:
            hint = _FOREIGN[token.text]
            message = f"'{token.text}' at character {token.start + 1} is not allowed; {hint}"
            raise ExpressionError(message, finding="expression_forbidden", offset=token.start)
    return tokens


def _refuse_invisible(text: str, tokens: Sequence[Token]) -> None:
    """Outside of quotes, no space or mark that looks like another or like nothing."""
    if text.isascii():
        return
    quoted = {
        index
        for token in tokens
        if token.token_type in _QUOTED
        for index in range(token.start, token.end + 1)
    }
    for index, character in enumerate(text):
        if index not in quoted and unicodedata.category(character)[0] in "CZ" and character > "~":
            name = unicodedata.name(character, "a control character")
            message = f"character {index + 1} is {name}; replace it by a plain space"
            raise ExpressionError(message, offset=index)


def _refuse_nesting(tokens: Sequence[Token]) -> None:
    depth = 0
    for token in tokens:
        if token.token_type in (TokenType.L_PAREN, TokenType.CASE):
            depth += 1
        elif token.token_type in (TokenType.R_PAREN, TokenType.END):
            depth -= 1
        if depth > MAX_NESTING:
            raise _too_deep(token.start)


def _parse(text: str, tokens: list[Token]) -> exp.Expr:
    try:
        trees = [tree for tree in _Parser(dialect=_DIALECT).parse(tokens, text) if tree]
    except ParseError as error:
        raise _syntax_error(text, error) from error
    except RecursionError as error:
        raise _too_deep(0) from error
    if len(trees) != 1:
        raise ExpressionError("the expression is empty; write a column, a value or a calculation")
    return trees[0]


def _syntax_error(text: str, error: ParseError) -> ExpressionError:
    """sqlglot's finding with an offset; its column is that of the last character."""
    found = error.errors[0]
    near = found["highlight"] or ""
    line, column = found["line"] or 1, found["col"] or 1
    before = sum(len(part) for part in text.splitlines(keepends=True)[: line - 1])
    offset = max(0, before + column - len(near))
    return ExpressionError(
        f"cannot read '{near}' at character {offset + 1}; an operator, a comma or a "
        "parenthesis is missing or one too many",
        offset=offset,
    )


def _refuse_depth(tree: exp.Expr) -> None:
    level, depth = [tree], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep(0)
        level = [child for node in level for child in node.iter_expressions()]


def _too_deep(offset: int) -> ExpressionError:
    message = "the expression is nested too deeply; split it into several columns"
    return ExpressionError(message, offset=offset)
