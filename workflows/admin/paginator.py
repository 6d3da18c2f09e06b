"""Pages of long lists: counted no further than people turn, their rows fetched by key."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.core.paginator import EmptyPage, Page, Paginator
from django.db.models import QuerySet
from unfold.paginator import InfinitePaginator

#: Whoever looks for more filters or searches: that is quicker for both.
ROWS_AT_MOST = 10_000
#: Less where the rows of other teams lie between one's own and are skipped as well.
ROWS_AT_MOST_UNCOUNTED = 2_500


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


class EndlessPaginator(_ByKey):
    """Never counts."""

    template_name = InfinitePaginator.template_name
    count = InfinitePaginator.count

    def validate_number(self, number: int | float | str) -> int:
        valid = super().validate_number(number)
        if (valid - 1) * self.per_page >= ROWS_AT_MOST_UNCOUNTED:
            raise EmptyPage(f"only the first {ROWS_AT_MOST_UNCOUNTED:,} rows are listed")
        return valid
