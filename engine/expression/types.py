"""Scalar types that CAST and field mappings may name."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import ExpressionError
from engine.expression.syntax import parse
from engine.suggestion import unknown

_NAMES = {
    "BOOLEAN": "BOOLEAN",
    "TINYINT": "TINYINT",
    "SMALLINT": "SMALLINT",
    "INT": "INTEGER",
    "BIGINT": "BIGINT",
    "INT128": "HUGEINT",
    "FLOAT": "FLOAT",
    "DOUBLE": "DOUBLE",
    "DECIMAL": "DECIMAL",
    "TEXT": "VARCHAR",
    "VARCHAR": "VARCHAR",
    "CHAR": "VARCHAR",
    "DATE": "DATE",
    "TIME": "TIME",
    "TIMESTAMP": "TIMESTAMP",
    "TIMESTAMPNTZ": "TIMESTAMP",
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
    "INTERVAL": "INTERVAL",
    "UUID": "UUID",
    "VARBINARY": "BLOB",
    "BLOB": "BLOB",
}
#: What users may write; more spellings are understood (``int4``, ``numeric(12,2)``, ``text``).
SCALAR_TYPES = (*dict.fromkeys(_NAMES.values()),)


def scalar_type(text: str) -> str:
    """The DuckDB name of a type as users write it: ``numeric(12, 2)`` → ``DECIMAL(12,2)``.

    A text's length is dropped: DuckDB does not cut text; use ``left``.
    Raises ``ExpressionError`` for a type that is unknown or not scalar.
    """
    try:
        tree = parse(f"cast(null as {text})")
    except ExpressionError as error:
        raise _unknown(text) from error
    if not isinstance(tree, exp.Cast) or not isinstance(tree.this, exp.Null):
        raise _unknown(text)
    return type_of(tree.to, text)


def type_of(node: exp.Expr, text: str = "") -> str:
    """The DuckDB name of a parsed type; ``text`` as the user wrote it, for the message."""
    name = _NAMES.get(getattr(node.this, "value", "")) if isinstance(node, exp.DataType) else None
    if name is None or node.args.get("nested"):
        raise _unknown(text or node.sql("duckdb"))
    if name != "DECIMAL":
        return name
    digits = [parameter.name for parameter in node.expressions]
    precision, scale = (int(d) if d.isdigit() else -1 for d in (*digits, "0")[:2])
    if not 1 <= precision <= 38 or not 0 <= scale <= precision:
        raise ExpressionError(
            f"type '{text or node.sql('duckdb')}' is out of range; decimal(p,s) has 1 to 38 "
            "digits, s of them after the point",
        )
    return f"DECIMAL({precision},{scale})"


def _unknown(text: str) -> ExpressionError:
    return ExpressionError(unknown("type", text, SCALAR_TYPES), finding="unknown_type")
