"""Django's users, in the clothes of this admin; its groups give no rights here and have no page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from workflows.models import Membership

admin.site.unregister([User, Group])


class MembershipInline(TabularInline):
    model = Membership
    fields = ["team", "role"]
    extra = 0
    hide_title = True
    verbose_name_plural = "teams"


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = [MembershipInline]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Personal info", {"fields": [("first_name", "last_name"), "email"]}),
        ("Permissions", {"fields": [("is_active", "is_staff", "is_superuser")]}),
        ("Important dates", {"fields": [("last_login", "date_joined")]}),
    ]
    filter_horizontal = ()
    empty_hint = "No user matches. Add users here, or as members on the page of their team."
    list_display = ["username", "email", "is_active", "is_staff", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser"]
    list_filter_submit = True
    compressed_fields = True

    def get_inlines(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Teams are given to a user that exists."""
        return self.inlines if obj else []
