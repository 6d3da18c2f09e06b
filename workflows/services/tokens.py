"""Keys to the API: made once, shown once, known afterwards by their hash.

A token reads ``fa_<prefix>_<secret>``. The prefix finds the row and is safe to show;
the secret has 256 bits, so that a plain SHA-256 of it is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from workflows.models import ApiToken, Membership, Role, Team
from workflows.services import auditing

_MARK = "fa"
#: ``last_used_at`` is as fine as this, so that reading by API does not write each time.
_USE_IS_NOTED_EVERY = timedelta(minutes=1)


def create(
    *,
    team: Team,
    name: str,
    role: int = Role.OPERATOR,
    expires_at: datetime | None = None,
    created_by: Any = None,
) -> tuple[ApiToken, str]:
    """Make a token and return it with its plain text, which cannot be read again."""
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        team=team,
        name=name,
        prefix=prefix,
        digest=_digest(secret),
        role=role,
        expires_at=expires_at,
        created_by=created_by,
    )
    return token, f"{_MARK}_{prefix}_{secret}"


def find(plain: str) -> ApiToken | None:
    """The valid token with that plain text, its use noted; None says nothing about why not."""
    mark, prefix, secret = _split(plain)
    token = ApiToken.objects.select_related("team").filter(prefix=prefix).first()
    stored = token.digest if token else _digest("")
    is_same = hmac.compare_digest(_digest(secret), stored)
    if token is None or not is_same or mark != _MARK or not is_valid(token):
        return None
    _note_use(token)
    return token


def is_right(token: ApiToken, plain: str) -> bool:
    """Whether ``plain`` is the plain text of this token, valid or not."""
    mark, prefix, secret = _split(plain)
    is_same = hmac.compare_digest(_digest(secret), token.digest)
    return is_same and (mark, prefix) == (_MARK, token.prefix)


def is_valid(token: ApiToken) -> bool:
    is_expired = token.expires_at is not None and token.expires_at <= timezone.now()
    return token.revoked_at is None and not is_expired


def revoke(token: ApiToken) -> None:
    """End a token's life at once."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        auditing.record("apitoken.revoked", token)


def end_unfounded(user: User, *, is_leaving: bool = False) -> None:
    """Revoke the tokens a user made that may do more than the user; all, of who is leaving."""
    if user.is_active and user.is_superuser and not is_leaving:
        return
    roles = dict(Membership.objects.filter(user=user).values_list("team_id", "role"))
    may_nothing = is_leaving or not user.is_active
    for token in ApiToken.objects.filter(created_by=user, revoked_at=None):
        if may_nothing or roles.get(token.team_id, 0) < token.role:
            revoke(token)


def _split(plain: str) -> tuple[str, str, str]:
    # The secret may contain underscores itself.
    mark, prefix, secret, *_ = [*plain.split("_", 2), "", "", ""]
    return mark, prefix, secret


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    earlier = now - _USE_IS_NOTED_EVERY
    if token.last_used_at is None or token.last_used_at < earlier:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=earlier)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
