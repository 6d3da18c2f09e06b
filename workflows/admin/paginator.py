"""Pages of long lists, at the same cost however late they are."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

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
