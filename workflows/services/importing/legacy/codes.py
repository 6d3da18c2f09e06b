"""Findings of an import: stable codes, and where in the payload."""

from __future__ import annotations

from typing import Any

from engine.issue import Issue, Severity

E_JSON = "E_JSON"
E_SCHEMA = "E_SCHEMA"
E_EMPTY = "E_EMPTY"
E_DUPLICATE_NODE = "E_DUPLICATE_NODE"
E_UNKNOWN_NODE = "E_UNKNOWN_NODE"
E_UNKNOWN_PARENT = "E_UNKNOWN_PARENT"
E_CYCLE = "E_CYCLE"
E_UNCONNECTED = "E_UNCONNECTED"
E_MISSING_TABLE = "E_MISSING_TABLE"
E_UNKNOWN_CONNECTOR = "E_UNKNOWN_CONNECTOR"
E_UNKNOWN_CONNECTION = "E_UNKNOWN_CONNECTION"
E_IDENTIFIER = "E_IDENTIFIER"
E_EXPRESSION = "E_EXPRESSION"
E_SQL_NOT_READONLY = "E_SQL_NOT_READONLY"
E_JOIN_INPUTS = "E_JOIN_INPUTS"
E_JOIN_CONFIG = "E_JOIN_CONFIG"
E_AMBIGUOUS_COLUMN = "E_AMBIGUOUS_COLUMN"
E_SCHEDULE = "E_SCHEDULE"
#: Understood, but there is nothing here yet that does it.
E_NOT_SUPPORTED = "E_NOT_SUPPORTED"

W_STALE_MAPPING = "W_STALE_MAPPING"
W_SEQUENCE_MISMATCH = "W_SEQUENCE_MISMATCH"
W_FILTER_IGNORED = "W_FILTER_IGNORED"
W_HTML_DISCARDED = "W_HTML_DISCARDED"
W_GROUP_FLAG_IGNORED = "W_GROUP_FLAG_IGNORED"
W_DEPENDENCIES_INFERRED = "W_DEPENDENCIES_INFERRED"


class ImportIssue(Issue):
    """``locator`` names what the code is about: keys, nodes, a column, a line."""

    locator: dict[str, Any] = {}


class Findings:
    """Collects everything that is found in one payload, so that it is reported together."""

    def __init__(self) -> None:
        self.issues: list[ImportIssue] = []

    def error(
        self, code: str, message: str, *, node: str = "", field: str = "", **locator: Any
    ) -> None:
        self._add(Severity.ERROR, code, message, node, field, locator)

    def warn(
        self, code: str, message: str, *, node: str = "", field: str = "", **locator: Any
    ) -> None:
        self._add(Severity.WARNING, code, message, node, field, locator)

    @property
    def errors(self) -> list[ImportIssue]:
        return [issue for issue in self.issues if issue.severity == Severity.ERROR]

    @property
    def warnings(self) -> list[ImportIssue]:
        return [issue for issue in self.issues if issue.severity == Severity.WARNING]

    def has(self, *codes: str) -> bool:
        return any(issue.code in codes for issue in self.issues)

    def _add(
        self,
        severity: Severity,
        code: str,
        message: str,
        node: str,
        field: str,
        locator: dict[str, Any],
    ) -> None:
        where = ({"node": node} if node else {}) | locator
        self.issues.append(
            ImportIssue(
                code=code,
                message=message,
                severity=severity,
                node=node,
                field=field,
                locator=where,
            )
        )
