"""The sidebar, in the order operators think: what runs, where, who, and the system below."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

_SECTIONS: list[tuple[str, list[tuple[str, str, str]]]] = [
    (
        "",
        [
            ("Workflows", "account_tree", "workflows.workflow"),
            ("Runs", "play_circle", "workflows.run"),
            ("Connections", "cable", "workflows.connection"),
            ("Alerts", "notifications", "workflows.alertrule"),
            ("Channels", "campaign", "workflows.alertchannel"),
            ("Messages", "outgoing_mail", "workflows.alertdelivery"),
        ],
    ),
    (
        "Where it runs",
        [
            ("Pools", "dns", "workers.pool"),
            ("Workers", "memory", "workers.workerseen"),
            ("Assignments", "alt_route", "workers.poolassignment"),
        ],
    ),
    (
        "Who",
        [
            ("Teams", "groups", "workflows.team"),
            ("Users", "person", "auth.user"),
            ("API tokens", "key", "workflows.apitoken"),
            ("Audit log", "policy", "workflows.auditentry"),
        ],
    ),
    (
        "System",
        [
            ("Versions", "history", "workflows.workflowversion"),
            ("Registrations", "verified", "workflows.registration"),
            ("Retention", "auto_delete", "workflows.retentionpolicy"),
            ("Outbox", "outbox", "workflows.registrationoutbox"),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """unfold's navigation with the pages this user may see."""
    home = {"title": "Home", "icon": "home", "link": reverse("admin:index")}
    sections = [
        {"title": title, "separator": bool(title), "items": _items(request, entries)}
        for title, entries in _SECTIONS
    ]
    sections[0]["items"] = [home, *_items(request, _SECTIONS[0][1])]
    return [section for section in sections if section["items"]]


def account(request: HttpRequest) -> list[dict[str, str]]:
    """The menu under one's name; who comes from elsewhere has no password here."""
    links = [{"title": "Preferences", "link": reverse("preferences")}]
    if request.user.is_authenticated and request.user.has_usable_password():
        links.append({"title": "Change password", "link": reverse("admin:password_change")})
    return links


def _items(request: HttpRequest, entries: list[tuple[str, str, str]]) -> list[dict[str, str]]:
    """Entries whose model's admin lets the user in."""
    return [
        {"title": title, "icon": icon, "link": _changelist(label)}
        for title, icon, label in entries
        if admin.site.get_model_admin(apps.get_model(label)).has_view_permission(request)
    ]


def _changelist(label: str) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_changelist")
