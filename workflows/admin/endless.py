"""Lists without an end: turned from the newest row to the first, and never counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from unfold.paginator import InfinitePaginator

from workflows.admin.base import TeamScopedAdmin

Way = Literal["newer", "older"]
_WAYS: Mapping[str, Way] = {"newer": "newer", "older": "older"}


@dataclass(frozen=True, slots=True)
class Place:
    """Between two rows of an endless list: on one side of the row with that moment and id."""

    way: Way
    at: datetime
    pk: UUID | int

    @classmethod
    def read(cls, text: str, model: type[Model]) -> Place | None:
        """What ``str`` wrote; None for anything else."""
        way, _, row = text.partition("~")
        at, _, pk = row.partition("~")
        try:
            return cls(_WAYS[way], _utc(at), model._meta.pk.to_python(pk))
        except (KeyError, ValueError, ValidationError):
            return None

    def __str__(self) -> str:
        return f"{self.way}~{self.at.isoformat()}~{self.pk}"


class EndlessPaginator(Paginator):
    """Rows by a moment, the newest first, never counted.

    A page begins where its neighbor ends: one that is a million rows deep costs what the first
    does. ``newer`` and ``older`` lead on from the page that was asked for.
    """

    template_name = "admin/pagination_endless.html"
    count = InfinitePaginator.count
    object_list: QuerySet[Any]
    per_page: int

    def __init__(
        self,
        rows: QuerySet[Any],
        per_page: int,
        place: Place | None = None,
        moment: str = "created_at",
    ) -> None:
        super().__init__(rows, per_page)
        self._place, self._moment = place, moment
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
        rows = self.object_list.order_by(f"-{self._moment}", "-pk")
        if place:
            later = self._is("lt", place.at) | Q(pk__lt=place.pk)
            rows = rows.filter(later, self._is("lte", place.at))
        return list(rows[: self.per_page + 1])

    def _after(self, place: Place) -> list[Any]:
        rows = self.object_list.order_by(self._moment, "pk")
        earlier = self._is("gt", place.at) | Q(pk__gt=place.pk)
        return list(rows.filter(earlier, self._is("gte", place.at))[: self.per_page + 1])

    def _is(self, compared: str, at: datetime) -> Q:
        return Q((f"{self._moment}__{compared}", at))

    def _shown(self, rows: list[Any], *, has_newer: bool, has_older: bool) -> Page[Any]:
        if rows and has_newer:
            self.newer = Place("newer", getattr(rows[0], self._moment), rows[0].pk)
        if rows and has_older:
            self.older = Place("older", getattr(rows[-1], self._moment), rows[-1].pk)
        return Page(rows, 1, self)


class EndlessList(TeamScopedAdmin):
    """``moment`` is the field that rows go by; an index has it together with the id."""

    moment = "created_at"
    # Any other order would sort a million rows.
    sortable_by = ()

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[Any], per_page: int, *_: Any, **__: Any
    ) -> Paginator:
        """Also asked for a row's history, whose lines are others."""
        if queryset.model is not self.model:
            return Paginator(queryset, per_page)
        place = Place.read(request.GET.get(PAGE_VAR, ""), self.model)
        return EndlessPaginator(queryset, per_page, place, self.moment)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Not counted, so that there is no number to tell."""
        changelist = super().get_changelist_instance(request)
        changelist.full_result_count = changelist.result_count
        return changelist


def _utc(text: str) -> datetime:
    """Raises ValueError for what is no moment with a zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"'{text}' has no zone")
    return at.astimezone(UTC)
