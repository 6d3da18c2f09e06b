"""Says who is behind a request, for whatever is recorded while it is answered."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from workflows.acting import Actor, actor_of, begin, end


class ActorMiddleware(MiddlewareMixin):
    """Asks nothing until something is recorded: REST framework finds the owner of a token late."""

    def process_request(self, request: HttpRequest) -> None:
        def ask() -> Actor:
            return actor_of(getattr(request, "user", AnonymousUser()), address_of(request))

        request.__dict__["flowadmin_actor"] = begin(ask)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        if token := request.__dict__.pop("flowadmin_actor", None):
            end(token)
        return response


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def address_of(request: HttpRequest) -> str | None:
    """Where the request comes from. ``X-Forwarded-For`` is believed as far as our own proxies
    wrote it: each adds one address at its end, and anybody may have begun it."""
    trusted: int = settings.FLOWADMIN_TRUSTED_PROXIES
    if trusted:
        forwarded = request.headers.get("X-Forwarded-For", "").split(",")
        if len(forwarded) >= trusted and (address := forwarded[-trusted].strip()):
            return address if _is_address(address) else None
    address = request.META.get("REMOTE_ADDR", "")
    return address if _is_address(address) else None
