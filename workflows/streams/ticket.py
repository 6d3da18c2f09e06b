"""Who may listen to what: minted by a page for one login, checked without a query.

A ticket stands in an address, and addresses are logged: without the login's cookie it opens
nothing, and it is accepted for a short while only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

#: A browser connects at once; later it asks for a new one.
VALID_SECONDS = 60
_SALT = "workflows.streams"


class BadTicket(Exception):
    """Not ours, altered, or too old."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """``seal`` ties it to a login: to its session and to the user's password."""

    user_id: int
    seal: str
    topics: tuple[str, ...]


def mint(user: Any, session_key: str, topics: Sequence[str]) -> str:
    return signing.dumps([user.pk, seal(user, session_key), *topics], salt=_SALT)


def read(text: str) -> Ticket:
    """Raises BadTicket."""
    try:
        user_id, sealed, *topics = signing.loads(text, salt=_SALT, max_age=VALID_SECONDS)
    except signing.BadSignature as error:
        raise BadTicket(str(error)) from error
    return Ticket(user_id, sealed, tuple(topics))


def seal(user: Any, session_key: str) -> str:
    """Changes with the session and with the password."""
    login = f"{session_key}:{user.get_session_auth_hash()}"
    return salted_hmac(_SALT, login, algorithm="sha256").hexdigest()[:32]


def is_sealed_for(ticket: Ticket, user: Any, session_key: str) -> bool:
    return constant_time_compare(ticket.seal, seal(user, session_key))
