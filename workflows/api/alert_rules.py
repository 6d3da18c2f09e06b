"""Rules of alerts: what is told, and to which channels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from workers.models import Pool
from workflows.access import scope
from workflows.api.answers import Answer
from workflows.api.fields import StrictSerializer
from workflows.api.views import ApiView, ModelT
from workflows.models import AlertChannel, AlertEvent, AlertRule, Workflow
from workflows.services.alerting.saving import save_rule


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


class RuleView(ApiView):
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


class Rules(RuleView):
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


class OneRule(RuleView):
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
