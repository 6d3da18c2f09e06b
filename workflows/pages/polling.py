"""What a stream would have sent, for browsers that have none now; and the way back to one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from workflows.pages import live
from workflows.streams.ticket import mint
from workflows.streams.topic import Topic, find_topics, split


@require_GET
@never_cache
@login_required
def live_parts(request: HttpRequest) -> JsonResponse:
    """All parts of the asked topics, and a ticket for their stream."""
    asked = request.GET.getlist("topic")
    parts: dict[str, str] = {}
    for topic in asked:
        family, key = split(topic)
        known = topics().get(family)
        if known is None or key not in known.visible(request.user, {key}):
            raise Http404
        parts.update(known.parts(key, request.user))
    ticket = mint(request.user, request.session.session_key or "", asked)
    return JsonResponse({"ticket": ticket, "parts": parts})


@cache
def topics() -> Mapping[str, Topic]:
    """Family → topic."""
    return find_topics(live)
