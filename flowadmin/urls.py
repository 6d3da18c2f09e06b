"""Every address of FlowAdmin, by audience."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from workflows.api.health import health
from workflows.pages.palette import palette
from workflows.pages.passwords import SetPassword
from workflows.pages.preferences import PreferencesPage

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("health", health, name="health"),
    path("admin/password/<uidb64>/<token>/", SetPassword.as_view(), name="set-password"),
    path("admin/search/", admin.site.admin_view(palette)),
    path(
        "admin/preferences/",
        admin.site.admin_view(PreferencesPage.as_view()),
        name="preferences",
    ),
    path("admin/", admin.site.urls),
    path("api/v1/", include("workflows.api.urls")),
    path("ui/", include("workflows.pages.urls")),
]
if apps.is_installed("flowadmin.single_sign_on"):
    urlpatterns.append(path("sso/", include("flowadmin.single_sign_on.urls")))

handler403 = "workflows.pages.errors.forbidden"
handler404 = "workflows.pages.errors.not_there"
