"""Messages of alerts: what was sent, waits or failed."""

from __future__ import annotations

from http import HTTPStatus

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from workflows.access import scope
from workflows.api.answers import Answer
from workflows.api.pagination import PAGE, PageQuery
from workflows.api.problems import Problem, Refused
from workflows.api.views import ApiView
from workflows.models import AlertDelivery
from workflows.services.alerting import sending


class MessageAnswer(Answer):
    id = serializers.IntegerField()
    state = serializers.CharField()
    channel = serializers.IntegerField(source="channel_id")
    rule = serializers.IntegerField(source="rule_id", allow_null=True)
    subject = serializers.CharField()
    lines = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    digest = serializers.IntegerField(
        allow_null=True,
        help_text="Of what was held in quiet hours: the first message of those that go out as "
        "one. Null = it goes by itself.",
    )
    sent_at = serializers.DateTimeField(allow_null=True)
    attempts = serializers.IntegerField()
    error = serializers.CharField()

    def get_lines(self, delivery: AlertDelivery) -> list[str]:
        return list(delivery.message.get("lines", ()))


class MessageQuery(PageQuery):
    state = serializers.ChoiceField(AlertDelivery.State.choices, required=False)


class Messages(ApiView):
    @extend_schema(
        operation_id="alert_messages_list",
        responses=MessageAnswer(many=True),
        parameters=[
            OpenApiParameter("state", str, enum=AlertDelivery.State.values),
            *PAGE,
        ],
    )
    def get(self, request: Request) -> Response:
        """What was sent, waits or failed, newest first."""
        query = self.query(MessageQuery)
        rows = scope(request.user, AlertDelivery.objects.with_digest())
        if state := query.get("state"):
            rows = rows.filter(state=state)
        return self.paged(rows, MessageAnswer)


class SendAgain(ApiView):
    @extend_schema(operation_id="alert_messages_send_again", request=None, responses=MessageAnswer)
    def post(self, request: Request, message_id: int) -> Response:
        """Try a message that failed once more."""
        rows = AlertDelivery.objects.with_digest().select_related("channel")
        delivery = self.own(rows, message_id, "send")
        if not sending.send_again(delivery):
            problem = Problem(HTTPStatus.CONFLICT, "not_failed", "the message has not failed")
            raise Refused(problem)
        return Response(MessageAnswer(rows.get(pk=delivery.pk)).data)
