"""Pages of long lists, at the same cost however late they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from unfold.paginator import InfinitePaginator

#: The last page of so many takes a tenth of a second; whoever has more filters or searches.
ROWS_AT_MOST = 200_000


class _ByKey(Paginator):
    """Skips over bare keys, which an index holds, and joins for the rows of one page only."""

    object_list: QuerySet[Any]
    per_page: int

    def page(self, number: int | float | str) -> Page[Any]:
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        keys = self.object_list.values_list("pk", flat=True)[first : first + self.per_page]
        rows = self.object_list.filter(pk__in=list(keys))
        return Page(rows, number, self)


class CappedPaginator(_ByKey):
    """Exact up to ``ROWS_AT_MOST``; ``has_more`` says that there are others behind."""

    template_name = "admin/pagination_capped.html"

    @cached_property
    def _counted(self) -> int:
        return int(self.object_list.order_by()[: ROWS_AT_MOST + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._counted, ROWS_AT_MOST)

    @property
    def has_more(self) -> bool:
        return self._counted > ROWS_AT_MOST


Way = Literal["newer", "older"]
_WAYS: Mapping[str, Way] = {"newer": "newer", "older": "older"}


@dataclass(frozen=True, slots=True)
class Place:
    """Between two rows of an endless list: on one side of the row with that moment and id."""

    way: Way
    at: datetime
    pk: UUID

    @classmethod
    def read(cls, text: str) -> Place | None:
        """What ``str`` wrote; None for anything else."""
        way, _, row = text.partition("~")
        at, _, pk = row.partition("~")
        try:
            return cls(_WAYS[way], _utc(at), UUID(pk))
        except (KeyError, ValueError):
            return None

    def __str__(self) -> str:
        return f"{self.way}~{self.at.isoformat()}~{self.pk}"


class EndlessPaginator(Paginator):
    """Rows by ``created_at``, the newest first, never counted.

    A page begins where its neighbor ends: one that is a million rows deep costs what the first
    does. ``newer`` and ``older`` lead on from the page that was asked for.
    """

    template_name = "admin/pagination_endless.html"
    count = InfinitePaginator.count
    object_list: QuerySet[Any]
    per_page: int

    def __init__(self, rows: QuerySet[Any], per_page: int, place: Place | None = None) -> None:
        super().__init__(rows, per_page)
        self._place = place
        self.newer: Place | None = None
        self.older: Place | None = None

    def page(self, number: int | float | str) -> Page[Any]:
        place = self._place
        if place and place.way == "newer" and len(rows := self._after(place)) > self.per_page:
            return self._shown(rows[-2::-1], has_newer=True, has_older=True)
        older_than = place if place and place.way == "older" else None
        rows = self._before(older_than)
        has_older = len(rows) > self.per_page
        return self._shown(rows[: self.per_page], has_newer=bool(older_than), has_older=has_older)

    def _before(self, place: Place | None) -> list[Any]:
        """A row more than a page holds; that it is there says that there are others."""
        rows = self.object_list.order_by("-created_at", "-pk")
        if place:
            later = Q(created_at__lt=place.at) | Q(pk__lt=place.pk)
            rows = rows.filter(later, created_at__lte=place.at)
        return list(rows[: self.per_page + 1])

    def _after(self, place: Place) -> list[Any]:
        rows = self.object_list.order_by("created_at", "pk")
        earlier = Q(created_at__gt=place.at) | Q(pk__gt=place.pk)
        return list(rows.filter(earlier, created_at__gte=place.at)[: self.per_page + 1])

    def _shown(self, rows: list[Any], *, has_newer: bool, has_older: bool) -> Page[Any]:
        if rows and has_newer:
            self.newer = Place("newer", rows[0].created_at, rows[0].pk)
        if rows and has_older:
            self.older = Place("older", rows[-1].created_at, rows[-1].pk)
        return Page(rows, 1, self)


def _utc(text: str) -> datetime:
    """Raises ValueError for what is no moment with a zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"'{text}' has no zone")
    return at.astimezone(UTC)
