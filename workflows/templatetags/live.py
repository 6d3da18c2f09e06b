"""``{% live "pools" %}``: keep the elements of a page up to date that topics name by their ids."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import Context

from workflows.streams.ticket import mint

register = template.Library()


@register.inclusion_tag("live/live.html", takes_context=True)
def live(context: Context, *topics: str) -> dict[str, Any]:
    """Rights are checked where the ticket is shown: what somebody may not see is not sent."""
    request = context["request"]
    ticket = mint(request.user, request.session.session_key or "", topics)
    return {"ticket": ticket, "topics": topics}
