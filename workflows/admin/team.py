"""Teams and their members."""

from __future__ import annotations

from django.contrib import admin
from unfold.admin import TabularInline

from workflows.admin.base import PartOfParent, TeamScopedAdmin
from workflows.models import Membership, Team


class MembershipInline(PartOfParent, TabularInline):
    model = Membership
    autocomplete_fields = ["user"]
    fields = ["user", "role"]
    extra = 0
    hide_title = True


@admin.register(Team)
class TeamAdmin(TeamScopedAdmin):
    list_display = ["name", "slug"]
    list_filter_submit = False
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [MembershipInline]
