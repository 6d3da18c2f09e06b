"""A translated part of an expression, and the findings that comparing parts can give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.columns.family import Family, family_of
from engine.expression.probe import can_cast
from engine.issue import Issue, Severity
from engine.schema import Column, quote

#: How DuckDB types a constant text that stands beside a value of another family.
_TYPE = {
    Family.NUMBER: "DOUBLE",
    Family.BOOLEAN: "BOOLEAN",
    Family.DATE: "DATE",
    Family.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
    Family.TIME: "TIME",
    Family.INTERVAL: "INTERVAL",
    Family.UUID: "UUID",
}


@dataclass(frozen=True, slots=True)
class Term:
    """A part as DuckDB SQL, with what is known about its value."""

    sql: str
    family: Family
    #: How messages name it: ``column 'name' (BIGINT)``, ``'abc'``, ``upper(…)``.
    label: str
    #: The value of a quoted constant.
    text: str | None = None
    #: Upper bound of characters out per character in; see ``growth``.
    growth: int = 1


def compare(left: Term, right: Term) -> Iterator[Issue]:
    """Findings about two values of which one is converted to the other's type."""
    if left.family is right.family or left.family.is_unknown or right.family.is_unknown:
        return
    if left.family.is_moment and right.family.is_moment:
        return
    for constant, other in ((left, right), (right, left)):
        if constant.text is not None and other.family in _TYPE:
            yield from _constant(constant, other)
            return
    yield Issue(
        code="implicit_cast",
        message=f"{left.label} is {named(left.family)} and {right.label} is {named(right.family)}; "
        "they would be converted silently, so write cast(… as type) around one",
    )


def alike(terms: Sequence[Term]) -> tuple[Family, list[Issue]]:
    """The family that values of one column (``case``, ``coalesce``) share, and findings."""
    leading = next(
        (t for t in terms if t.text is None and t.family is not Family.NULL),
        next((t for t in terms if t.family is not Family.NULL), terms[0]),
    )
    return leading.family, [
        issue for t in terms if t is not leading for issue in compare(leading, t)
    ]


def condition(term: Term) -> Iterator[Issue]:
    """A finding when something else than true or false decides."""
    if term.family is not Family.BOOLEAN and not term.family.is_unknown:
        message = f"{term.label} is {named(term.family)} where a condition is expected; compare it"
        yield Issue(code="not_boolean", message=message)


def conversion(term: Term, type_: str) -> Iterator[Issue]:
    """A finding when a cast of ``term`` cannot succeed."""
    if not term.family.casts_to(family_of(type_)):
        message = f"{term.label} cannot be cast to {type_.lower()}"
        yield Issue(code="impossible_cast", message=message)
    elif term.text is not None:
        yield from literal(term.text, type_)


def literal(text: str, type_: str) -> Iterator[Issue]:
    """A finding when a constant text is no value of ``type_``."""
    if not can_cast(text, type_):
        hint = "; dates are written '2024-12-31'" if "DATE" in type_ or "TIMESTAMP" in type_ else ""
        message = f"'{text}' cannot be read as {type_.lower()}{hint}"
        yield Issue(code="bad_literal", message=message)


def mismatch(where: str, wanted: str, *terms: Term, hint: str = "") -> Issue:
    """The issue of a value whose family does not fit, told before DuckDB refuses it."""
    got = " and ".join(f"{term.label}, {named(term.family)}" for term in terms)
    hint = hint or "write cast(… as type) around it"
    return Issue(code="implicit_cast", message=f"{where} takes {wanted}, and got {got}; {hint}")


def of_column(column: Column) -> Term:
    """The value of a column."""
    label = f"column '{column.name}' ({column.type})"
    return Term(quote(column.name), family_of(column.type), label)


def quoted(text: str) -> Term:
    """A constant text."""
    shown = text if len(text) <= 40 else f"{text[:40]}…"
    sql = "'" + text.replace("'", "''") + "'"
    return Term(sql, Family.TEXT, f"'{shown}'", text=text)


def named(family: Family) -> str:
    """The family as messages say it."""
    if family is Family.TEXT:
        return "text"
    return f"an {family}" if family[0] in "aeiou" else f"a {family}"


def _constant(constant: Term, other: Term) -> Iterator[Issue]:
    assert constant.text is not None
    yield from literal(constant.text, _TYPE[other.family])
    if other.family is Family.NUMBER and can_cast(constant.text, "DOUBLE"):
        message = f"{constant.label} beside {other.label} is read as a number; leave the quotes out"
        yield Issue(code="implicit_cast", message=message, severity=Severity.WARNING)
