"""Expressions that stand at the columns of a transform."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.errors import ExpressionError
from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.expressions import translate_expression
from workflows.services.importing.legacy.payload import LegacyNode, SourceColumn

_TAG = re.compile(r"<[a-zA-Z/!]")


def column_expressions(node: LegacyNode, findings: Findings) -> Iterator[tuple[str, str]]:
    """``(column, expression)`` in our language, for columns that have one."""
    for column in node.columns:
        if not column.expression:
            continue
        if _TAG.search(column.html):
            message = f"markup at column '{column.name}' is discarded; its plain text is used"
            findings.warn(codes.W_HTML_DISCARDED, message, node=node.id, field=column.name)
        try:
            yield column.name, translate_expression(column.expression)
        except ExpressionError as error:
            refuse_expression(node, column, error.message, findings)


def refuse_expression(
    node: LegacyNode, column: SourceColumn, reason: str, findings: Findings
) -> None:
    findings.error(
        codes.E_EXPRESSION,
        f"'{column.expression[:200]}': {reason}",
        node=node.id,
        field=column.name,
        column=column.name,
    )
