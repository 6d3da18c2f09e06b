"""``home``: what needs attention, today, and what runs next."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from typing import Any

from django.db.models import QuerySet
from django.template.loader import render_to_string

from workflows.pages.home import home_context
from workflows.pages.live.any_run import marked_by_any_run

#: Runs become late, and schedules fire, without a word.
_REDRAWN_EVERY_SECONDS = 15


class HomeTopic:
    family = "home"

    def visible(self, principal: Any, keys: Set[str]) -> Set[str]:
        """Everybody has a home; the rows in it are their own."""
        return keys & {""}

    def marks(self, keys: Collection[str]) -> QuerySet[Any, Any]:
        return marked_by_any_run(self.family, _REDRAWN_EVERY_SECONDS)

    def parts(self, key: str, principal: Any) -> Mapping[str, str]:
        context = home_context(principal)
        names = ("home-attention", "home-today", "home-lists")
        return {name: render_to_string(f"live/{name}.html", context) for name in names}


TOPIC = HomeTopic()
