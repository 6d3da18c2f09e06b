"""Which pools a user sees: shared ones, and those reserved for one of the user's teams."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q, QuerySet

from workers.models import Pool


def pools_seen_by(user: User | AnonymousUser) -> QuerySet[Pool]:
    """A superuser sees every pool."""
    if user.is_superuser:
        return Pool.objects.all()
    mine = Pool.objects.filter(teams__memberships__user=user.pk)
    return Pool.objects.filter(Q(teams=None) | Q(pk__in=mine.values("pk")))
