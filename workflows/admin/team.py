"""Teams and their members."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from workers.pages.admin import confirmed, go_back
from workflows.admin.base import PartOfParent, TeamScopedAdmin
from workflows.models import Membership, Role, Team
from workflows.services import members


class InviteForm(BaseDialogForm):
    username = forms.CharField(
        widget=UnfoldAdminTextInputWidget,
        max_length=150,
        help_text="A user of that name is added; without one, a new user is made.",
    )
    email = forms.EmailField(widget=UnfoldAdminEmailInputWidget, required=False)
    role = forms.TypedChoiceField(
        choices=Role.choices, coerce=int, initial=Role.VIEWER, widget=UnfoldAdminSelectWidget
    )


class MembershipFormSet(BaseInlineFormSet):
    """Roles change and members go by the rules of ``services.members``."""

    asked_by: Any = None

    def clean(self) -> None:
        super().clean()
        changed = [form for form in self.initial_forms if form.has_changed()]
        kept = [form for form in changed if form not in self.deleted_forms]
        if any(self.errors) or not changed:
            return
        try:
            members.refuse(
                self.instance,
                by=self.asked_by,
                touched=[form.instance for form in changed],
                given=[form.cleaned_data["role"] for form in kept],
            )
        except members.MemberRefused as error:
            raise forms.ValidationError(f"Not saved: {error.reason}") from None


class MembershipInline(PartOfParent, TabularInline):
    model = Membership
    formset = MembershipFormSet
    fields = ["user", "role"]
    readonly_fields = ["user"]
    extra = 0
    hide_title = True
    verbose_name_plural = "members"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user").order_by("user__username")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        return type("MembershipFormSet", (formset,), {"asked_by": request.user})

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Members come by the action, which makes users where there are none."""
        return False


@admin.register(Team)
class TeamAdmin(TeamScopedAdmin):
    empty_hint = "No team yet. Workflows and connections belong to one: add it, then its members."
    list_display = ["name", "slug"]
    list_filter_submit = False
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [MembershipInline]
    actions_detail = ["add_member"]

    def get_readonly_fields(self, request: HttpRequest, obj: Team | None = None) -> list[str]:
        """Tokens and scripts name a team by its slug; what a worker may be made to do is
        decided by those who run it.
        """
        mine = [] if request.user.is_superuser else ["allows_python"]
        return [*(["slug"] if obj else []), *mine]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    def get_inlines(self, request: HttpRequest, obj: Team | None = None) -> list[Any]:
        return list(self.inlines) if obj else []

    def has_invite_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change", obj)

    @confirmed(
        "Add member",
        "A new user gets a link, shown once, that sets the password.",
        icon="person_add",
        needs="invite",
        variant=ActionVariant.PRIMARY,
        form_class=InviteForm,
    )
    def add_member(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        team, given = self.find(request, object_id), form.cleaned_data
        try:
            invited = members.invite(
                team=team,
                by=request.user,
                username=given["username"],
                role=given["role"],
                email=given["email"],
            )
        except members.MemberRefused as error:
            return go_back(request, team, f"Not added: {error.reason}", messages.ERROR)
        if not invited.link:
            return go_back(request, team, f"{invited.membership}")
        link = request.build_absolute_uri(invited.link)
        text = "{}. Send this link now, it is not shown again: <code>{}</code>"
        return go_back(request, team, format_html(text, invited.membership, link), messages.WARNING)
