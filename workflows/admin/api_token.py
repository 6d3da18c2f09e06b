"""API tokens: shown once, revoked for good."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from unfold.decorators import display
from unfold.enums import ActionVariant

from workers.pages.admin import confirmed, go_back
from workers.pages.badges import Badge
from workers.pages.formats import moment
from workflows.admin.base import TeamFilter, TeamScopedAdmin
from workflows.models import ApiToken
from workflows.services import tokens

_VALID = Badge("good", "check_circle", "Valid")
_REVOKED = Badge("idle", "block", "Revoked")
_EXPIRED = Badge("warn", "schedule", "Expired")


@admin.register(ApiToken)
class ApiTokenAdmin(TeamScopedAdmin):
    empty_hint = (
        "No token yet. Scripts and other systems use one to call the API; add one for a team."
    )
    list_display = ["name", "team", "state", "role", "prefix", "expires", "last_used"]
    list_filter = [("team", TeamFilter), "role"]
    list_select_related = ["team"]
    search_fields = ["name", "prefix"]
    actions_row = ["revoke"]
    actions_detail = ["revoke"]
    fields = ["team", "name", "role", "expires_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> list[str]:
        """What a token may do never changes after it was handed out."""
        return ["team", "role"] if obj else []

    @display(description="State")
    def state(self, token: ApiToken) -> str:
        if token.revoked_at:
            return str(_REVOKED)
        return str(_VALID if tokens.is_valid(token) else _EXPIRED)

    @display(description="Expires", ordering="expires_at")
    def expires(self, token: ApiToken) -> str:
        return moment(token.expires_at) if token.expires_at else "never"

    @display(description="Last used", ordering="last_used_at")
    def last_used(self, token: ApiToken) -> str:
        return moment(token.last_used_at) if token.last_used_at else "never"

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        created, plain = tokens.create(
            team=obj.team,
            name=obj.name,
            role=obj.role,
            expires_at=obj.expires_at,
            created_by=request.user,
        )
        obj.__dict__.update(created.__dict__)
        messages.warning(
            request,
            format_html("Copy the token now, it is not shown again: <code>{}</code>", plain),
        )

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change", obj)

    @confirmed(
        "Revoke",
        "Whoever uses this token is refused from now on. This cannot be undone.",
        icon="block",
        needs="revoke",
        variant=ActionVariant.DANGER,
    )
    def revoke(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        token = self.find(request, object_id)
        tokens.revoke(token)
        return go_back(request, token, f"{token} is revoked")
