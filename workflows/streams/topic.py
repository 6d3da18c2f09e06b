"""What pages listen to: ``family`` or ``family:key``, such as ``pools`` or ``run:3f2a…``."""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Collection, Mapping, Set
from types import ModuleType
from typing import Any, Protocol

from django.db.models import QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Concat


class Topic(Protocol):
    """One family. ``family`` is its name in addresses: letters, digits and hyphens."""

    family: str

    def visible(self, principal: Any, keys: Set[str]) -> Set[str]:
        """Those of the keys that ``principal`` may look at."""
        ...

    def marks(self, keys: Collection[str]) -> QuerySet[Any, Any]:
        """Rows of (family, key, mark), made by ``marked``: a mark that changes with the content.

        A key without a row is gone.
        """
        ...

    def parts(self, key: str, principal: Any) -> Mapping[str, str]:
        """Id of an element in the page → its HTML, or whatever a script of the page expects."""
        ...


def marked(rows: QuerySet[Any], family: str, key: Any, *marks: Any) -> QuerySet[Any, Any]:
    """The rows as ``Topic.marks`` wants them; ``key`` and ``marks`` are expressions."""
    annotated = rows.order_by().annotate(
        family_=Value(family, TextField()), key_=Cast(key, TextField()), mark_=joined(*marks)
    )
    found: QuerySet[Any, Any] = annotated.values_list("family_", "key_", "mark_")
    return found


def marked_whole(rows: QuerySet[Any], family: str, *marks: Any) -> QuerySet[Any, Any]:
    """One row for the topic ``family`` without a key; ``marks`` are aggregates over the rows."""
    whole = rows.order_by().values(family_=Value(family, TextField()), key_=Value("", TextField()))
    found: QuerySet[Any, Any] = whole.annotate(mark_=joined(*marks)).values_list(
        "family_", "key_", "mark_"
    )
    return found


def joined(*marks: Any) -> Concat:
    """One text of them all; what is null is left out."""
    texts = [Cast(mark, TextField()) for mark in marks]
    return Concat(*texts, Value("", TextField()))


def mark_of_each(rows: QuerySet[Any], by: str, *marks: Any) -> Subquery:
    """The mark of the rows whose ``by`` is the outer row; ``marks`` are aggregates."""
    return Subquery(rows.order_by().values(by).annotate(mark=joined(*marks)).values("mark"))


def beat(seconds: float) -> Value:
    """A mark that changes every so often: for what changes without a row, such as a wait."""
    return Value(str(int(time.time() / seconds)))


def find_topics(package: ModuleType) -> Mapping[str, Topic]:
    """Family → topic, from every module of the package that has a ``TOPIC``."""
    found: dict[str, Topic] = {}
    for module in pkgutil.iter_modules(package.__path__):
        topic = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "TOPIC", None)
        if topic is not None:
            assert topic.family not in found, f"two topics are called '{topic.family}'"
            found[topic.family] = topic
    return found


def split(topic: str) -> tuple[str, str]:
    family, _, key = topic.partition(":")
    return family, key
