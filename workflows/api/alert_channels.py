"""Where alerts go; what is secret of it is only written."""

from __future__ import annotations

from http import HTTPStatus

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from workflows.access import scope
from workflows.api.answers import Answer
from workflows.api.connections import TestAnswer
from workflows.api.fields import SecretsField, StrictSerializer
from workflows.api.problems import Problem, Refused
from workflows.api.views import ApiView
from workflows.models import AlertChannel
from workflows.services.alerting import sending
from workflows.services.alerting.channel import NotSent
from workflows.services.alerting.saving import save_channel


class ChannelChange(StrictSerializer):
    name = serializers.CharField(max_length=120)
    options = serializers.DictField(help_text="Its settings that are not secret.")
    secrets = SecretsField(default=dict)


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


class ChannelView(ApiView):
    def own_channel(self, pk: int, act: str) -> AlertChannel:
        return self.own(AlertChannel.objects.select_related("team"), pk, act)


class Channels(ApiView):
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


class OneChannel(ChannelView):
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


class TestChannel(ChannelView):
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
