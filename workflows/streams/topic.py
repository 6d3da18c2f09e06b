"""What pages listen to: ``family`` or ``family:key``, such as ``pools`` or ``run:3f2a…``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Mapping, Set
from types import ModuleType
from typing import Any, Protocol

from django.db.models import CharField, QuerySet, Value
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
    texts = [Cast(mark, CharField()) for mark in marks]
    mark = Concat(*texts, Value("")) if texts else Value("")
    annotated = rows.order_by().annotate(
        family_=Value(family, CharField()), key_=Cast(key, CharField()), mark_=mark
    )
    found: QuerySet[Any, Any] = annotated.values_list("family_", "key_", "mark_")
    return found


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
