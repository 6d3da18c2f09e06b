"""Who may listen to what: minted by a page for one login, checked without a query.

A ticket stands in an address, and addresses are logged: without the login's cookie, or the API
token, it opens nothing, and it is accepted for a short while only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

from workflows.models import ApiToken
from workflows.services import tokens

#: A browser connects at once; later it asks for a new one.
VALID_SECONDS = 60
_SALT = "workflows.streams"


class BadTicket(Exception):
    """Not ours, altered, or too old."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """``holder`` is the id of a user, or of an API token.

    ``seal`` ties it to a login: to a user's session and password, or to a token's secret.
    """

    holder: int
    seal: str
    topics: tuple[str, ...]
    is_token: bool = False


def mint(user: Any, session_key: str, topics: Sequence[str]) -> str:
    return signing.dumps([False, user.pk, seal(user, session_key), *topics], salt=_SALT)


def mint_for_token(token: ApiToken, topics: Sequence[str]) -> str:
    """Opens a stream together with the token itself."""
    return signing.dumps([True, token.pk, seal_of_token(token), *topics], salt=_SALT)


def read(text: str) -> Ticket:
    """Raises BadTicket."""
    try:
        is_token, holder, sealed, *topics = signing.loads(text, salt=_SALT, max_age=VALID_SECONDS)
    except (signing.BadSignature, ValueError) as error:
        raise BadTicket(str(error)) from error
    return Ticket(holder, sealed, tuple(topics), is_token)


def seal(user: Any, session_key: str) -> str:
    """Changes with the session and with the password."""
    login = f"{session_key}:{user.get_session_auth_hash()}"
    return salted_hmac(_SALT, login, algorithm="sha256").hexdigest()[:32]


def seal_of_token(token: ApiToken) -> str:
    return salted_hmac(_SALT, f"token:{token.digest}", algorithm="sha256").hexdigest()[:32]


def is_sealed_for(ticket: Ticket, user: Any, session_key: str) -> bool:
    return constant_time_compare(ticket.seal, seal(user, session_key))


def is_sealed_for_token(ticket: Ticket, token: ApiToken, plain: str) -> bool:
    """``plain`` = the token as the client sent it along."""
    is_theirs = constant_time_compare(ticket.seal, seal_of_token(token))
    return is_theirs and tokens.is_right(token, plain)
