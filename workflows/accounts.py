"""Who somebody is. What one may do is the table of ``workflows.access``, and nothing besides."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db.models import Model

#: As settings and sessions name it.
BACKEND = "workflows.accounts.AccountBackend"


class AccountBackend(ModelBackend):
    """Django's users and passwords without its permissions of users and groups.

    Those are never given, and asking for them would cost each page two queries.
    """

    def get_user(self, user_id: int) -> User | None:
        """With the preferences, which every page goes by."""
        user = User.objects.select_related("preferences").filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None

    def get_user_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        return set()

    def get_group_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        return set()
