"""The audit log, newest first."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from workflows.access import require, scope
from workflows.api.answers import Answer
from workflows.api.pagination import PAGE, PageQuery
from workflows.api.views import ApiView
from workflows.models import AuditEntry


class AuditAnswer(Answer):
    at = serializers.DateTimeField()
    event = serializers.CharField()
    actor = serializers.CharField()
    address = serializers.CharField(allow_null=True)
    team = serializers.CharField(source="team.slug", default=None, allow_null=True)
    object_type = serializers.CharField()
    object_id = serializers.CharField()
    object_name = serializers.CharField()
    changes = serializers.DictField(help_text="Field → [before, after]; secrets are hidden.")
    details = serializers.DictField()


class AuditQuery(PageQuery):
    event = serializers.CharField(required=False)
    actor = serializers.CharField(required=False)
    team = serializers.SlugField(required=False)
    object_id = serializers.CharField(required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


_LOOKUPS = {"team": "team__slug", "since": "at__gte", "until": "at__lt"}


class Audit(ApiView):
    @extend_schema(
        operation_id="audit_list",
        responses=AuditAnswer(many=True),
        parameters=[
            OpenApiParameter("event", str, description="Such as `workflow.run`."),
            OpenApiParameter("actor", str, description="A user name, `token <name>` or `system`."),
            OpenApiParameter("team", str),
            OpenApiParameter("object_id", str),
            OpenApiParameter("since", str, description="From this moment on."),
            OpenApiParameter("until", str, description="Before this moment."),
            *PAGE,
        ],
    )
    def get(self, request: Request) -> Response:
        """What was done in the teams one administers, and by whom."""
        require(request.user, "workflows.view_auditentry")
        query = self.query(AuditQuery)
        asked = {
            _LOOKUPS.get(name, name): value
            for name, value in query.items()
            if name not in ("cursor", "page_size")
        }
        rows = scope(request.user, AuditEntry.objects.select_related("team")).filter(**asked)
        return self.paged(rows, AuditAnswer, "-at")
