"""Who is acting: a user, an API token, or nobody but the system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """``name`` stays when the user is gone; ``user_id`` is None for tokens and the system."""

    name: str = SYSTEM
    user_id: int | None = None
    address: str | None = None


#: Asked when something is recorded: who sends a request may be known only after it has begun.
_asking: ContextVar[Callable[[], Actor] | None] = ContextVar("asking", default=None)


def actor() -> Actor:
    ask = _asking.get()
    return ask() if ask else Actor()


def actor_of(principal: Any, address: str | None = None) -> Actor:
    """``principal`` as ``workflows.access`` knows it; who is not logged in is anonymous."""
    if not principal.is_authenticated:
        return Actor("anonymous", None, address)
    return Actor(principal.get_username(), principal.pk, address)


@contextmanager
def asking(ask: Callable[[], Actor]) -> Iterator[None]:
    token = _asking.set(ask)
    try:
        yield
    finally:
        _asking.reset(token)


@contextmanager
def acting(who: Actor) -> Iterator[None]:
    with asking(lambda: who):
        yield
