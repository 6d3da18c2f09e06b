"""Says who is behind a request, for whatever is recorded while it is answered."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from workflows.acting import Actor, actor_of, asking


class ActorMiddleware:
    """Asks nothing until something is recorded: REST framework finds the owner of a token late.

    One call around the answer, not a step before and one after: under ASGI those two would run
    in contexts of their own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        def ask() -> Actor:
            return actor_of(getattr(request, "user", AnonymousUser()), address_of(request))

        with asking(ask):
            return self.get_response(request)


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
