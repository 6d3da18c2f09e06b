"""What the language does not have, said by name."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from engine.errors import ExpressionError
from engine.expression.syntax import offset_of

#: Parts of a node beside its operands that change nothing here.
_HARMLESS = frozenset({"typed", "safe", "nested", "coalesce"})
_NAMES: dict[type[exp.Expr], str] = {
    exp.Select: "a SELECT",
    exp.Subquery: "a subquery",
    exp.Exists: "a subquery",
    exp.Star: "'*'",
    exp.Alias: "a second value or a name after the value",
    exp.Dot: "a name with a dot",
    exp.Column: "a name with a dot",
    exp.Bracket: "access by [ ]",
    exp.Window: "a window function",
    exp.Lambda: "a lambda",
    exp.PropertyEQ: "an assignment",
    exp.Tuple: "a list of values",
    exp.RegexpLike: "a regular expression",
}


def refuse_parts(node: exp.Expr, allowed: Sequence[str]) -> None:
    """Refuse what the rule of a node does not look at, so that nothing is dropped silently."""
    for part, value in node.args.items():
        if value and part not in allowed and part not in _HARMLESS:
            raise forbidden(node)


def forbidden(node: exp.Expr) -> ExpressionError:
    named = _NAMES.get(type(node)) or f"'{node.key}'"
    return ExpressionError(
        f"{named} cannot be used here; an expression computes one value from the columns of "
        "one row, with operators, CASE and the documented functions",
        finding="expression_forbidden",
        offset=offset_of(node),
    )
