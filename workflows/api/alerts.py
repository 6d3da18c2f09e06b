"""Alerts: rules, the channels they go to, and the messages that were sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from workers.models import Pool
from workflows.access import permission_name, require, scope
from workflows.api.answers import Answer
from workflows.api.connections import TestAnswer
from workflows.api.fields import StrictSerializer
from workflows.api.pagination import NewestFirst
from workflows.api.problems import Problem, Refused
from workflows.api.views import ApiView
from workflows.models import AlertChannel, AlertDelivery, AlertEvent, AlertRule, Workflow
from workflows.services.alerting import sending
from workflows.services.alerting.channel import NotSent
from workflows.services.alerting.saving import save_channel, save_rule

ModelT = TypeVar("ModelT", bound=Model)


class ChannelChange(StrictSerializer):
    name = serializers.CharField(max_length=120)
    options = serializers.DictField(help_text="Its settings that are not secret.")
    secrets = serializers.DictField(
        child=serializers.CharField(trim_whitespace=False),
        required=False,
        default=dict,
        write_only=True,
    )


class ChannelBody(ChannelChange):
    kind = serializers.CharField(max_length=40, help_text="email, slack or webhook.")
    team = serializers.SlugField(required=False, default="")


class ChannelAnswer(Answer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    team = serializers.CharField(source="team.slug")
    kind = serializers.CharField()
    options = serializers.DictField()
    has_secrets = serializers.SerializerMethodField()

    def get_has_secrets(self, channel: AlertChannel) -> bool:
        return bool(channel.secrets)


class RuleChange(StrictSerializer):
    """What is not given is as in a new rule."""

    name = serializers.CharField(max_length=120)
    event = serializers.ChoiceField(AlertEvent.choices)
    workflow = serializers.UUIDField(
        required=False, default=None, allow_null=True, help_text="None = all of the team."
    )
    pool = serializers.SlugField(
        required=False, default="", allow_blank=True, help_text="For `pool_saturated`."
    )
    minutes = serializers.IntegerField(required=False, default=10, min_value=1)
    times_median = serializers.FloatField(required=False, default=3, min_value=1)
    channels = serializers.ListField(child=serializers.IntegerField(), help_text="Their ids.")
    group_minutes = serializers.IntegerField(required=False, default=60, min_value=0)
    quiet_from = serializers.TimeField(required=False, default=None, allow_null=True)
    quiet_until = serializers.TimeField(required=False, default=None, allow_null=True)
    timezone = serializers.CharField(required=False, default="UTC", max_length=60)
    is_active = serializers.BooleanField(required=False, default=True)


class RuleBody(RuleChange):
    team = serializers.SlugField(required=False, default="")


class RuleAnswer(Answer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    team = serializers.CharField(source="team.slug")
    event = serializers.CharField()
    workflow = serializers.UUIDField(source="workflow_id", allow_null=True)
    pool = serializers.CharField(source="pool.name", default="")
    minutes = serializers.IntegerField()
    times_median = serializers.FloatField()
    channels = serializers.SerializerMethodField(help_text="Their ids.")
    group_minutes = serializers.IntegerField()
    quiet_from = serializers.TimeField(allow_null=True)
    quiet_until = serializers.TimeField(allow_null=True)
    timezone = serializers.CharField()
    is_active = serializers.BooleanField()

    def get_channels(self, rule: AlertRule) -> list[int]:
        return [channel.pk for channel in rule.channels.all()]


class MessageAnswer(Answer):
    id = serializers.IntegerField()
    state = serializers.CharField()
    channel = serializers.IntegerField(source="channel_id")
    rule = serializers.IntegerField(source="rule_id", allow_null=True)
    subject = serializers.CharField()
    lines = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    attempts = serializers.IntegerField()
    error = serializers.CharField()

    def get_lines(self, delivery: AlertDelivery) -> list[str]:
        return list(delivery.message.get("lines", ()))


class AlertView(ApiView):
    """Rows of other teams are not there; in one's own, what needs a higher role is refused."""

    def own(self, rows: QuerySet[ModelT], pk: int, act: str) -> ModelT:
        found = get_object_or_404(scope(self.request.user, rows), pk=pk)
        require(self.request.user, permission_name(act, rows.model), found)
        return found

    def own_channel(self, pk: int, act: str) -> AlertChannel:
        return self.own(AlertChannel.objects.select_related("team"), pk, act)

    def own_rule(self, pk: int, act: str) -> AlertRule:
        return self.own(_rules(), pk, act)

    def save_rule(self, rule: AlertRule, body: dict[str, Any]) -> AlertRule:
        """As ``body`` says; what it names and nobody may see is not there."""
        asked = body.pop("channels")
        channels = list(scope(self.request.user, AlertChannel.objects.filter(pk__in=asked)))
        if missing := sorted(set(asked) - {channel.pk for channel in channels}):
            raise serializers.ValidationError({"channels": [f"there is no channel {missing[0]}"]})
        rule.workflow = self._named(Workflow.objects.all(), "workflow", pk=body.pop("workflow"))
        rule.pool = self._named(Pool.objects.all(), "pool", name=body.pop("pool"))
        for name, value in body.items():
            setattr(rule, name, value)
        with _refusals():
            save_rule(rule, channels)
        return self.own_rule(rule.pk, "view")

    def _named(self, rows: QuerySet[ModelT], field: str, **asked: Any) -> ModelT | None:
        [value] = asked.values()
        if not value:
            return None
        found = scope(self.request.user, rows).filter(**asked).first()
        if found is None:
            raise serializers.ValidationError({field: [f"there is no {field} '{value}'"]})
        return found


class Channels(AlertView):
    @extend_schema(operation_id="alert_channels_list", responses=ChannelAnswer(many=True))
    def get(self, request: Request) -> Response:
        """Where messages of one's teams may go."""
        rows = scope(request.user, AlertChannel.objects.select_related("team"))
        return Response(ChannelAnswer(rows, many=True).data)

    @extend_schema(
        operation_id="alert_channels_create", request=ChannelBody, responses={201: ChannelAnswer}
    )
    def post(self, request: Request) -> Response:
        """Add a channel; its secrets are encrypted, and never shown again."""
        body = self.read(ChannelBody)
        team = self.team(body["team"], "add_alertchannel")
        channel = AlertChannel(team=team, name=body["name"], kind=body["kind"])
        save_channel(channel, body["options"], body["secrets"])
        return Response(ChannelAnswer(channel).data, status=status.HTTP_201_CREATED)


class OneChannel(AlertView):
    @extend_schema(operation_id="alert_channels_read", responses=ChannelAnswer)
    def get(self, request: Request, channel_id: int) -> Response:
        """A channel without its secrets."""
        return Response(ChannelAnswer(self.own_channel(channel_id, "view")).data)

    @extend_schema(
        operation_id="alert_channels_change", request=ChannelChange, responses=ChannelAnswer
    )
    def put(self, request: Request, channel_id: int) -> Response:
        """Change a channel; with other options, its secrets must be given again."""
        channel = self.own_channel(channel_id, "change")
        body = self.read(ChannelChange)
        channel.name = body["name"]
        save_channel(channel, body["options"], body["secrets"])
        return Response(ChannelAnswer(channel).data)

    @extend_schema(operation_id="alert_channels_delete", responses={204: None})
    def delete(self, request: Request, channel_id: int) -> Response:
        """Delete a channel, and what was sent to it."""
        self.own_channel(channel_id, "delete").delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class TestChannel(AlertView):
    @extend_schema(operation_id="alert_channels_test", request=None, responses=TestAnswer)
    def post(self, request: Request, channel_id: int) -> Response:
        """Send one message that says it is a test, now."""
        channel = self.own_channel(channel_id, "test")
        try:
            sending.send_test(channel)
        except NotSent as error:
            problem = Problem(HTTPStatus.BAD_GATEWAY, "not_sent", f"not sent: {error}")
            raise Refused(problem) from None
        return Response({"status": "success", "message": f"{channel} took the message"})


class Rules(AlertView):
    @extend_schema(operation_id="alert_rules_list", responses=RuleAnswer(many=True))
    def get(self, request: Request) -> Response:
        """What is told in one's teams."""
        return Response(RuleAnswer(scope(request.user, _rules()), many=True).data)

    @extend_schema(operation_id="alert_rules_create", request=RuleBody, responses={201: RuleAnswer})
    def post(self, request: Request) -> Response:
        """Add a rule."""
        body = self.read(RuleBody)
        rule = AlertRule(team=self.team(body.pop("team"), "add_alertrule"))
        made = self.save_rule(rule, body)
        return Response(RuleAnswer(made).data, status=status.HTTP_201_CREATED)


class OneRule(AlertView):
    @extend_schema(operation_id="alert_rules_read", responses=RuleAnswer)
    def get(self, request: Request, rule_id: int) -> Response:
        """A rule."""
        return Response(RuleAnswer(self.own_rule(rule_id, "view")).data)

    @extend_schema(operation_id="alert_rules_change", request=RuleChange, responses=RuleAnswer)
    def put(self, request: Request, rule_id: int) -> Response:
        """Change a rule; what is not given is as in a new one."""
        rule = self.own_rule(rule_id, "change")
        return Response(RuleAnswer(self.save_rule(rule, self.read(RuleChange))).data)

    @extend_schema(operation_id="alert_rules_delete", responses={204: None})
    def delete(self, request: Request, rule_id: int) -> Response:
        """Delete a rule; what it had sent stays."""
        self.own_rule(rule_id, "delete").delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class MessageQuery(StrictSerializer):
    state = serializers.ChoiceField(AlertDelivery.State.choices, required=False)
    cursor = serializers.CharField(required=False)
    page_size = serializers.IntegerField(required=False)


class Messages(AlertView):
    @extend_schema(
        operation_id="alert_messages_list",
        responses=MessageAnswer(many=True),
        parameters=[
            OpenApiParameter("state", str, enum=AlertDelivery.State.values),
            OpenApiParameter("cursor", str, description="From `next` of the page before."),
            OpenApiParameter("page_size", int),
        ],
    )
    def get(self, request: Request) -> Response:
        """What was sent, waits or failed, newest first."""
        query = self.query(MessageQuery)
        rows = scope(request.user, AlertDelivery.objects.all())
        if state := query.get("state"):
            rows = rows.filter(state=state)
        pages = NewestFirst()
        page = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response(MessageAnswer(page, many=True).data)


class SendAgain(AlertView):
    @extend_schema(operation_id="alert_messages_send_again", request=None, responses=MessageAnswer)
    def post(self, request: Request, message_id: int) -> Response:
        """Try a message that failed once more."""
        rows = AlertDelivery.objects.select_related("channel")
        delivery = self.own(rows, message_id, "send")
        if not sending.send_again(delivery):
            problem = Problem(HTTPStatus.CONFLICT, "not_failed", "the message has not failed")
            raise Refused(problem)
        delivery.refresh_from_db()
        return Response(MessageAnswer(delivery).data)


def _rules() -> QuerySet[AlertRule]:
    rows = AlertRule.objects.select_related("team", "workflow", "pool")
    return rows.prefetch_related("channels")


@contextmanager
def _refusals() -> Iterator[None]:
    """Django's findings as those of the API."""
    try:
        yield
    except ValidationError as error:
        found = getattr(error, "error_dict", None)
        detail = error.message_dict if found else {"non_field_errors": error.messages}
        raise serializers.ValidationError(detail) from None
