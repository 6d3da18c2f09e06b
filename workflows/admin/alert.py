"""Alerts: rules, the channels they go to, and what was sent."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, ManyToManyField, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from pydantic import ValidationError
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from workers.pages.admin import ReadOnly, confirmed, go_back
from workers.pages.badges import Badge
from workers.pages.formats import NOTHING, moment
from workflows import access
from workflows.admin.base import TeamFilter, TeamScopedAdmin
from workflows.admin.config_form import PREFIX, add_config_errors, config_fields, config_values
from workflows.models import AlertChannel, AlertDelivery, AlertRule, Workflow
from workflows.models.alert import AlertDeliveries
from workflows.services.alerting import sending
from workflows.services.alerting.channel import Channel, NotSent, channels
from workflows.services.alerting.saving import secrets_to_give_again, strangers

_STATES = {
    AlertDelivery.State.WAITING: Badge("idle", "schedule", "Waiting"),
    AlertDelivery.State.SENT: Badge("good", "check_circle", "Sent"),
    AlertDelivery.State.FAILED: Badge("bad", "error", "Failed"),
}


class RuleForm(forms.ModelForm):
    class Meta:
        model = AlertRule
        fields = [
            "name", "team", "event", "is_active", "workflow", "pool", "minutes", "times_median",
            "channels", "group_minutes", "quiet_from", "quiet_until", "timezone",
        ]  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """What a rule names belongs to its team."""
        cleaned = super().clean() or {}
        team_id = cleaned["team"].pk if cleaned.get("team") else self.instance.team_id
        chosen = cleaned.get("channels") or ()
        for field, wrong in strangers(team_id, cleaned.get("workflow"), chosen).items():
            self.add_error(field, wrong)
        return cleaned


@admin.register(AlertRule)
class AlertRuleAdmin(TeamScopedAdmin):
    form = RuleForm
    empty_hint = "No alert yet. Add a channel, then say here what it is told: failures, delays …"
    list_display = ["name", "team", "event", "about", "sent_to", "is_active"]
    list_filter = [("team", TeamFilter), ("event", ChoicesDropdownFilter), "is_active"]
    list_select_related = ["team", "workflow", "pool"]
    search_fields = ["name"]
    autocomplete_fields = ["workflow"]
    fieldsets = [
        (None, {"fields": [("name", "team"), ("event", "is_active"), ("workflow", "pool")]}),
        ("When", {"fields": [("minutes", "times_median")]}),
        ("Who is told", {"fields": ["channels", "group_minutes"]}),
        ("Quiet hours", {"fields": [("quiet_from", "quiet_until"), "timezone"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("channels")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["team"] if obj else []

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "workflow":
            kwargs["queryset"] = access.scope(request.user, Workflow.objects.all())
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["queryset"] = access.scope(request.user, AlertChannel.objects.all())
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @display(description="About")
    def about(self, rule: AlertRule) -> str:
        if rule.pool or rule.event == "pool_saturated":
            return str(rule.pool or "every pool")
        return str(rule.workflow or "every workflow")

    @display(description="Sent to")
    def sent_to(self, rule: AlertRule) -> str:
        return ", ".join(map(str, rule.channels.all())) or NOTHING


class ChannelForm(forms.ModelForm):
    """Base of the form per kind; ``kind_used`` is set by the admin."""

    kind_used: Channel[Any]

    class Meta:
        model = AlertChannel
        fields = ["team", "name"]

    def clean(self) -> dict[str, Any]:
        """Options and secrets together; a blank secret stays, unless what it goes to changed."""
        cleaned = super().clean() or {}
        model = self.kind_used.Config
        values = config_values(cleaned)
        secrets = {name: values.pop(name) for name in model.secret_fields() & values.keys()}
        stored = self.instance.secrets or {}
        for name in secrets_to_give_again(self.instance, values, secrets):
            self.add_error(PREFIX + name, "Other settings changed: enter it again.")
        if not self.errors:
            try:
                model.model_validate({**values, **stored, **secrets})
            except ValidationError as error:
                add_config_errors(self, error)
        self.instance.options = values
        self.instance.secrets = {**stored, **secrets} or None
        self.instance.kind = self.kind_used.slug
        return cleaned


@admin.register(AlertChannel)
class AlertChannelAdmin(TeamScopedAdmin):
    empty_hint = "No channel yet. Add an e-mail address or a webhook that alerts are sent to."
    list_display = ["name", "team", "kind"]
    list_filter = [("team", TeamFilter), "kind"]
    list_select_related = ["team"]
    search_fields = ["name"]
    actions_row = ["send_test"]
    actions_detail = ["send_test"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["team"] if obj else []

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The kind first: its Config makes the form."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.GET.get("kind", "") in channels():
            return super().add_view(request, form_url, extra_context)
        context = {
            **self.admin_site.each_context(request),
            "title": "Add channel",
            "opts": self.opts,
            "kinds": channels().values(),
        }
        return TemplateResponse(request, "admin/workflows/alertchannel/choose.html", context)

    def kind_for(self, request: HttpRequest, obj: AlertChannel | None) -> Channel[Any]:
        slug = obj.kind if obj else request.GET.get("kind", "")
        if slug not in channels():
            raise Http404(f"unknown kind of channel '{slug}'")
        return channels()[slug]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[Any]:
        kind = self.kind_for(request, obj)
        options, secrets = (obj.options, obj.secrets or {}) if obj else ({}, {})
        fields = config_fields(kind.Config, options, secrets)
        form = type("ChannelForm", (ChannelForm,), {**fields, "kind_used": kind})
        return super().get_form(request, obj, change, form=form, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        kind = self.kind_for(request, obj)
        names = [PREFIX + name for name in kind.Config.model_fields]
        return [(None, {"fields": [("name", "team")]}), (kind.label, {"fields": names})]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What was sent to a channel goes with it, though nobody deletes that by itself."""
        to_delete, counts, needed, protected = super().get_deleted_objects(objs, request)
        return to_delete, counts, needed - {AlertDelivery._meta.verbose_name}, protected

    def has_test_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "test", obj)

    @confirmed(
        "Send a test",
        "Sends one message that says it is a test, now.",
        icon="send",
        needs="test",
        variant=ActionVariant.PRIMARY,
    )
    def send_test(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        channel = self.find(request, object_id)
        try:
            sending.send_test(channel)
        except NotSent as error:
            return go_back(request, channel, f"Not sent: {error}", messages.ERROR)
        return go_back(request, channel, f"{channel} took the message")


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(ReadOnly, TeamScopedAdmin):
    empty_hint = "Nothing was sent yet. Messages of alerts stand here, with what became of them."
    list_display = [
        "status", "subject", "channel", "rule", "written", "together", "sent", "attempts", "error",
    ]  # fmt: skip
    list_display_links = ["status", "subject"]
    list_filter = [("state", ChoicesDropdownFilter), ("channel__team", TeamFilter)]
    list_select_related = ["channel", "rule"]
    search_fields = ["subject"]
    fields = [
        "state", "subject", "channel", "rule", "created_at", "due_at", "sent_at",
        "is_held", "attempts", "error", "text",
    ]  # fmt: skip
    actions_row = ["send_again"]
    actions_detail = ["send_again"]

    @display(description="State", ordering="state")
    def status(self, delivery: AlertDelivery) -> str:
        return str(_STATES[AlertDelivery.State(delivery.state)])

    @display(description="Written", ordering="created_at")
    def written(self, delivery: AlertDelivery) -> str:
        return moment(delivery.created_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        assert isinstance(rows, AlertDeliveries)
        return rows.with_digest()

    @display(description="Goes with")
    def together(self, delivery: AlertDelivery) -> str:
        """What is held in quiet hours goes out as one: by the first of them."""
        digest: int | None = getattr(delivery, "digest", None)
        return NOTHING if digest is None else f"digest {digest}"

    @display(description="Sent", ordering="sent_at")
    def sent(self, delivery: AlertDelivery) -> str:
        return moment(delivery.sent_at)

    @display(description="Text")
    def text(self, delivery: AlertDelivery) -> str:
        return "\n".join(delivery.message.get("lines", ())) or NOTHING

    def has_send_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "send", obj)

    @confirmed(
        "Send again",
        "A message that failed is tried again, as if for the first time.",
        icon="replay",
        needs="send",
    )
    def send_again(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        delivery = self.find(request, object_id)
        if not sending.send_again(delivery):
            return go_back(request, delivery, "It has not failed", messages.INFO)
        return go_back(request, delivery, "It is sent again in a moment")
