"""What every view of the API starts from."""

from __future__ import annotations

from datetime import UTC
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from engine.suggestion import unknown
from workflows.access import permission_name, require, scope, teams_where
from workflows.api.pagination import NewestFirst
from workflows.models import Run, Team, Workflow

ModelT = TypeVar("ModelT", bound=Model)


class ApiView(APIView):
    """Objects are looked up among those in scope first: another team's are not there."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """In UTC, whatever zone the pages of a browser are in."""
        with timezone.override(UTC):
            return super().dispatch(request, *args, **kwargs)

    def read(self, form: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The body as ``form`` understands it. Raises ValidationError."""
        return validated(form, self.request.data)

    def query(self, form: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The query string as ``form`` understands it. Raises ValidationError."""
        return validated(form, self.request.query_params.dict())

    def paged(
        self, rows: QuerySet[Any], answer: type[serializers.Serializer[Any]], ordering: str = ""
    ) -> Response:
        """The page of rows that was asked for, the newest first by ``ordering``."""
        pages = NewestFirst()
        if ordering:
            pages.ordering = (ordering, "-pk")
        page = pages.paginate_queryset(rows, self.request, view=self)
        context = {"request": self.request}
        return pages.get_paginated_response(answer(page, many=True, context=context).data)

    def own(self, rows: QuerySet[ModelT], pk: int, act: str) -> ModelT:
        """The row, if the principal may do ``act`` on it; one of another team is not there."""
        found = get_object_or_404(scope(self.request.user, rows), pk=pk)
        require(self.request.user, permission_name(act, rows.model), found)
        return found

    def workflow(self, workflow_id: UUID | str, permission: str) -> Workflow:
        workflow = get_object_or_404(self._workflows(), pk=workflow_id)
        require(self.request.user, f"workflows.{permission}", workflow)
        return workflow

    def run_of(self, workflow_id: UUID, run_id: UUID, permission: str) -> Run:
        runs = scope(self.request.user, Run.objects.select_related("workflow", "version"))
        run = get_object_or_404(runs, pk=run_id, workflow_id=workflow_id)
        require(self.request.user, f"workflows.{permission}", run)
        return run

    def team(self, slug: str, permission: str) -> Team:
        """The team of that slug; without one, the only team where ``permission`` is given."""
        require(self.request.user, f"workflows.{permission}")
        teams = list(teams_where(self.request.user, f"workflows.{permission}"))
        found = [team for team in teams if team.slug == slug] if slug else teams
        if len(found) != 1:
            slugs = [team.slug for team in teams]
            message = unknown("team", slug, slugs) if slug else f"say which: {', '.join(slugs)}"
            raise serializers.ValidationError({"team": [message]})
        return found[0]

    def author(self) -> User | None:
        """The user behind the request; a token has none."""
        user = self.request.user
        return user if isinstance(user, User) else None

    def _workflows(self) -> QuerySet[Workflow]:
        queryset = Workflow.objects.select_related("team", "preferred_pool", "registration")
        return scope(self.request.user, queryset)


class NoSuchAddress(ApiView):
    """Anything under the API that is no address of it."""

    schema = None

    def _refuse(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise NotFound

    get = post = put = patch = delete = _refuse


def validated(form: type[serializers.Serializer[Any]], given: Any) -> dict[str, Any]:
    """What was given as ``form`` understands it. Raises ValidationError."""
    filled = form(data=given)
    filled.is_valid(raise_exception=True)
    valid: dict[str, Any] = filled.validated_data
    return valid
