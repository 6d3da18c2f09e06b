"""Connections: options are read and written, secrets only written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from django.db import IntegrityError, transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from engine.transfer import Extraction, TableName
from workflows import catalog
from workflows.access import require, scope
from workflows.api.answers import Answer
from workflows.api.fields import SecretsField, StrictSerializer
from workflows.api.problems import Problem, Refused
from workflows.api.views import ApiView
from workflows.models import Connection
from workflows.services import connections
from workflows.services.connecting import change_connection, create_connection, shown_options

TEAM = OpenApiParameter("team", str, description="Needed where several teams have the slug.")


class ConnectionChange(StrictSerializer):
    name = serializers.CharField(max_length=120)
    options = serializers.DictField(help_text="Its settings that are not secret.")
    secrets = SecretsField()
    external_id = serializers.CharField(
        max_length=120, required=False, default="", allow_blank=True
    )


class ConnectionBody(ConnectionChange):
    slug = serializers.SlugField(max_length=80, help_text="How nodes name it; never changes.")
    connector = serializers.CharField(max_length=40)
    team = serializers.SlugField(required=False, default="")


class ConnectionAnswer(Answer):
    slug = serializers.CharField()
    name = serializers.CharField()
    team = serializers.CharField(source="team.slug")
    connector = serializers.CharField()
    options = serializers.SerializerMethodField()
    has_secrets = serializers.SerializerMethodField()
    external_id = serializers.CharField()
    revision = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_options(self, connection: Connection) -> dict[str, Any]:
        return shown_options(connection)

    def get_has_secrets(self, connection: Connection) -> bool:
        return bool(connection.secrets)


class TestAnswer(Answer):
    status = serializers.CharField()
    message = serializers.CharField(help_text="What answered.")


class Connections(ApiView):
    @extend_schema(operation_id="connections_list", responses=ConnectionAnswer(many=True))
    def get(self, request: Request) -> Response:
        """The connections of one's teams, by name."""
        rows = scope(request.user, Connection.objects.select_related("team"))
        return Response(ConnectionAnswer(rows, many=True).data)

    @extend_schema(
        operation_id="connections_create",
        request=ConnectionBody,
        responses={201: ConnectionAnswer},
    )
    def post(self, request: Request) -> Response:
        """Store a connection; its secrets are encrypted, and never shown again."""
        body = self.read(ConnectionBody)
        team = self.team(body.pop("team"), "add_connection")
        with _conflicts():
            connection = create_connection(team=team, **body)
        return Response(ConnectionAnswer(connection).data, status=status.HTTP_201_CREATED)


class ConnectionView(ApiView):
    def connection(self, slug: str, permission: str) -> Connection:
        rows = scope(self.request.user, Connection.objects.select_related("team"))
        if team := self.request.query_params.get("team"):
            rows = rows.filter(team__slug=team)
        found = list(rows.filter(slug=slug)[:2])
        if len(found) > 1:
            message = f"several teams have a connection '{slug}'; say which team"
            raise serializers.ValidationError({"team": [message]})
        if not found:
            raise NotFound
        require(self.request.user, f"workflows.{permission}", found[0])
        return found[0]


class OneConnection(ConnectionView):
    @extend_schema(operation_id="connections_read", responses=ConnectionAnswer, parameters=[TEAM])
    def get(self, request: Request, slug: str) -> Response:
        """A connection without its secrets."""
        return Response(ConnectionAnswer(self.connection(slug, "view_connection")).data)

    @extend_schema(
        operation_id="connections_change",
        request=ConnectionChange,
        responses=ConnectionAnswer,
        parameters=[TEAM],
    )
    def put(self, request: Request, slug: str) -> Response:
        """Change a connection; with other options, its secrets must be given again."""
        connection = self.connection(slug, "change_connection")
        with _conflicts():
            change_connection(connection, **self.read(ConnectionChange))
        return Response(ConnectionAnswer(self.connection(slug, "view_connection")).data)

    @extend_schema(operation_id="connections_delete", responses={204: None}, parameters=[TEAM])
    def delete(self, request: Request, slug: str) -> Response:
        """Delete a connection that no workflow uses."""
        connection = self.connection(slug, "delete_connection")
        users = list(connections.used_by(connection).values_list("name", flat=True)[:5])
        if users:
            named = ", ".join(f"'{name}'" for name in users)
            detail = f"connection '{slug}' is used by {named}; change them first"
            raise Refused(Problem(HTTPStatus.CONFLICT, "connection_in_use", detail))
        connection.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class TestConnection(ConnectionView):
    @extend_schema(
        operation_id="connections_test", request=None, responses=TestAnswer, parameters=[TEAM]
    )
    def post(self, request: Request, slug: str) -> Response:
        """Connect with the stored settings, and say what answered."""
        message = connections.test(self.connection(slug, "test_connection"))
        return Response({"status": "success", "message": message})


class TableAnswer(Answer):
    schema = serializers.CharField(help_text="Empty where the database has none.")
    table = serializers.CharField()
    rows = serializers.IntegerField(
        allow_null=True, help_text="An estimate of the database; null where it has none."
    )


class TableColumnAnswer(Answer):
    name = serializers.CharField()
    type = serializers.CharField(help_text="What nodes see.")
    native_type = serializers.CharField(help_text="What the database calls it.")
    is_nullable = serializers.BooleanField()


class Tables(ConnectionView):
    @extend_schema(
        operation_id="connections_tables",
        responses=TableAnswer(many=True),
        parameters=[TEAM, OpenApiParameter("word", str, description="Part of a name.")],
    )
    def get(self, request: Request, slug: str) -> Response:
        """Tables and views that its credentials see; remembered for ten minutes."""
        word = request.query_params.get("word", "").casefold()
        found = catalog.tables(self.connection(slug, "test_connection"))
        named = [table for table in found if word in str(table).casefold()]
        return Response(TableAnswer(named, many=True).data)


class Columns(ConnectionView):
    @extend_schema(
        operation_id="connections_columns",
        responses=TableColumnAnswer(many=True),
        parameters=[
            TEAM,
            OpenApiParameter("schema", str, description="Empty for the database's default."),
            OpenApiParameter("table", str, required=True),
        ],
    )
    def get(self, request: Request, slug: str) -> Response:
        """Columns of one table; remembered for ten minutes."""
        connection = self.connection(slug, "test_connection")
        asked = request.query_params
        if not asked.get("table"):
            raise serializers.ValidationError({"table": ["say which table"]})
        table = Extraction(table=TableName(asked.get("schema", ""), asked["table"]))
        known = catalog.DatabaseCatalog(connection.team).columns(connection.slug, table)
        return Response(TableColumnAnswer(list(known), many=True).data)


@contextmanager
def _conflicts() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        detail = "the team has a connection with that slug or external_id; choose another"
        raise Refused(Problem(HTTPStatus.CONFLICT, "already_there", detail)) from None
