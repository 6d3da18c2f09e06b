"""Connections: a form made of the connector's Config, and a test that says what answered."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from pydantic import ValidationError
from unfold.decorators import display
from unfold.enums import ActionVariant

from engine.connector import Connector
from engine.errors import EngineError
from engine.registry import connectors
from workers.pages.admin import confirmed, go_back
from workers.pages.formats import NOTHING, moment
from workflows.admin.base import TeamFilter, TeamScopedAdmin
from workflows.admin.config_form import PREFIX, add_config_errors, config_fields, config_values
from workflows.models import Connection
from workflows.services import connections
from workflows.services.connecting import secrets_to_give_again


class ConnectionForm(forms.ModelForm):
    """Base of the form per connector; ``connector_used`` is set by the admin."""

    connector_used: Connector[Any]

    class Meta:
        model = Connection
        fields = ["team", "name", "slug", "external_id"]

    def clean(self) -> dict[str, Any]:
        """Validate options and secrets together; a blank secret stays what it was."""
        cleaned = super().clean() or {}
        model = self.connector_used.Config
        values = config_values(cleaned)
        stored = self.instance.secrets or {}
        self.secrets = {name: values.pop(name) for name in model.secret_fields() & values.keys()}
        if not self.errors:
            try:
                model.model_validate({**values, **stored, **self.secrets})
            except ValidationError as error:
                add_config_errors(self, error)
            self._refuse_to_move(values)
        self.instance.options = values
        self.instance.connector = self.connector_used.slug
        return cleaned

    def _refuse_to_move(self, options: dict[str, Any]) -> None:
        if self.instance.pk:
            for name in secrets_to_give_again(self.instance, options, self.secrets):
                self.add_error(PREFIX + name, "Other settings changed: enter it again.")


@admin.register(Connection)
class ConnectionAdmin(TeamScopedAdmin):
    list_display = ["name", "team", "connector", "place", "updated"]
    list_filter = [("team", TeamFilter), "connector"]
    list_select_related = ["team"]
    search_fields = ["name", "slug"]
    change_form_template = "admin/workflows/connection/change_form.html"
    empty_hint = "Nothing to read from yet. A connection holds a database's address and password."
    prepopulated_fields = {"slug": ["name"]}
    readonly_fields = ["workflows"]
    actions_row = ["test_connection"]
    actions_detail = ["test_connection"]

    @display(description="Where")
    def place(self, connection: Connection) -> str:
        options = connection.options
        host = ":".join(str(options[name]) for name in ("host", "port") if options.get(name))
        return "/".join(filter(None, [host, options.get("database")])) or NOTHING

    @display(description="Updated", ordering="updated_at")
    def updated(self, connection: Connection) -> str:
        return moment(connection.updated_at)

    @display(description="Used by")
    def workflows(self, connection: Connection) -> str:
        links = (
            (reverse("admin:workflows_workflow_change", args=[workflow.pk]), workflow.name)
            for workflow in connections.used_by(connection)
        )
        listed = format_html_join(", ", '<a class="link" href="{}">{}</a>', links)
        return listed or "no workflow yet"

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The connector first: its Config makes the form."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.GET.get("connector", "") in connectors():
            return super().add_view(request, form_url, extra_context)
        context = {
            **self.admin_site.each_context(request),
            "title": "Add connection",
            "opts": self.opts,
            "connectors": sorted(connectors().values(), key=lambda connector: connector.label),
        }
        return TemplateResponse(request, "admin/workflows/connection/choose.html", context)

    def connector_for(self, request: HttpRequest, obj: Connection | None) -> Connector[Any]:
        slug = obj.connector if obj else request.GET.get("connector", "")
        if slug not in connectors():
            raise Http404(f"unknown connector '{slug}'")
        return connectors()[slug]

    def get_form(
        self,
        request: HttpRequest,
        obj: Connection | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[Any]:
        connector = self.connector_for(request, obj)
        options, secrets = (obj.options, obj.secrets or {}) if obj else ({}, {})
        fields = config_fields(connector.Config, options, secrets)
        form = type("ConnectionForm", (ConnectionForm,), {**fields, "connector_used": connector})
        return super().get_form(request, obj, change, form=form, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Connection | None = None) -> Any:
        connector = self.connector_for(request, obj)
        names = [PREFIX + name for name in connector.Config.model_fields]
        main = [("name", "slug"), "team", "external_id"]
        used = [(None, {"fields": ["workflows"]})] if obj else []
        return [(None, {"fields": main}), (connector.label, {"fields": names}), *used]

    def get_readonly_fields(self, request: HttpRequest, obj: Connection | None = None) -> list[str]:
        """Nodes name a connection by its slug, which therefore never changes."""
        return ["workflows", "slug", "team"] if obj else ["workflows"]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.secrets:
            connections.save_secrets(obj, form.secrets)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        may_browse = self.has_test_permission(request, object_id)
        return super().change_view(
            request, object_id, form_url, {"may_browse": may_browse, **(extra_context or {})}
        )

    def has_test_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "test", obj)

    @confirmed(
        "Test connection",
        "Connects with the stored settings and says what answered.",
        icon="network_check",
        needs="test",
        variant=ActionVariant.PRIMARY,
    )
    def test_connection(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        connection = self.find(request, object_id)
        try:
            answer = connections.test(connection)
        except EngineError as error:
            text = format_html("{} does not work: {}", connection, str(error))
            return go_back(request, connection, text, messages.ERROR)
        return go_back(request, connection, f"{connection} works: {answer}")
