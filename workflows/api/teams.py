"""Teams, their members and their API tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import User
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from workflows.access import ServicePrincipal, require, roles_of, scope
from workflows.api.answers import Answer
from workflows.api.fields import StrictSerializer
from workflows.api.problems import Problem, Refused
from workflows.api.views import ApiView
from workflows.models import ApiToken, Membership, Role, Team
from workflows.services import members, tokens

_ROLES = [role.label for role in Role]


class TeamAnswer(Answer):
    slug = serializers.CharField()
    name = serializers.CharField()
    role = serializers.SerializerMethodField(help_text="One's own.")

    def get_role(self, team: Team) -> str:
        principal = self.context["request"].user
        if principal.is_superuser:
            return "superuser"
        return Role(roles_of(principal)[team.pk]).label


class MemberBody(StrictSerializer):
    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(_ROLES)
    email = serializers.EmailField(required=False, default="", allow_blank=True)


class MemberChange(StrictSerializer):
    role = serializers.ChoiceField(_ROLES)


class MemberAnswer(Answer):
    username = serializers.CharField(source="user.username")
    role = serializers.CharField(source="get_role_display")
    is_active = serializers.BooleanField(source="user.is_active")


class InvitedAnswer(MemberAnswer):
    password_link = serializers.CharField(
        help_text="Of a new user, this once: sets the password. Empty for a user who was there."
    )


class TokenBody(StrictSerializer):
    name = serializers.CharField(max_length=80)
    role = serializers.ChoiceField(_ROLES, default="operator")
    expires_at = serializers.DateTimeField(required=False, default=None, allow_null=True)


class TokenAnswer(Answer):
    prefix = serializers.CharField()
    name = serializers.CharField()
    role = serializers.CharField(source="get_role_display")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class NewTokenAnswer(TokenAnswer):
    token = serializers.CharField(help_text="Shown this once.")


class Teams(ApiView):
    @extend_schema(operation_id="teams_list", responses=TeamAnswer(many=True))
    def get(self, request: Request) -> Response:
        """One's own teams."""
        rows = scope(request.user, Team.objects.all())
        return Response(TeamAnswer(rows, many=True, context={"request": request}).data)


class TeamView(ApiView):
    """Another team is not there; in one's own, what only its admins may is refused."""

    def own_team(self, slug: str, permission: str) -> Team:
        team = get_object_or_404(scope(self.request.user, Team.objects.all()), slug=slug)
        require(self.request.user, f"workflows.{permission}", team)
        return team

    def member(self, slug: str, username: str, permission: str) -> Membership:
        team = self.own_team(slug, permission)
        rows = Membership.objects.select_related("user", "team")
        return get_object_or_404(rows, team=team, user__username=username)


class Members(TeamView):
    @extend_schema(operation_id="members_list", responses=MemberAnswer(many=True))
    def get(self, request: Request, team: str) -> Response:
        """The members of a team, by name."""
        row = self.own_team(team, "view_membership")
        found = row.memberships.select_related("user").order_by("user__username")
        return Response(MemberAnswer(found, many=True).data)

    @extend_schema(operation_id="members_add", request=MemberBody, responses={201: InvitedAnswer})
    def post(self, request: Request, team: str) -> Response:
        """Add a user by name; one who is not there is made, and gets a link to a password."""
        row = self.own_team(team, "add_membership")
        body = self.read(MemberBody)
        with _refusals():
            invited = members.invite(
                team=row,
                by=request.user,
                username=body["username"],
                role=_role(body["role"]),
                email=body["email"],
            )
        link = request.build_absolute_uri(invited.link) if invited.link else ""
        answer = {**MemberAnswer(invited.membership).data, "password_link": link}
        return Response(answer, status=status.HTTP_201_CREATED)


class OneMember(TeamView):
    @extend_schema(operation_id="members_change", request=MemberChange, responses=MemberAnswer)
    def put(self, request: Request, team: str, username: str) -> Response:
        """Change a member's role."""
        membership = self.member(team, username, "change_membership")
        role = self.read(MemberChange)["role"]
        with _refusals():
            members.change_role(membership, _role(role), by=request.user)
        return Response(MemberAnswer(membership).data)

    @extend_schema(operation_id="members_remove", responses={204: None})
    def delete(self, request: Request, team: str, username: str) -> Response:
        """Take a member out of the team; the user stays."""
        membership = self.member(team, username, "delete_membership")
        with _refusals():
            members.remove(membership, by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Tokens(TeamView):
    @extend_schema(operation_id="tokens_list", responses=TokenAnswer(many=True))
    def get(self, request: Request, team: str) -> Response:
        """The team's tokens, without what they grant access with."""
        rows = self.own_team(team, "view_apitoken").tokens.all()
        return Response(TokenAnswer(rows, many=True).data)

    @extend_schema(operation_id="tokens_create", request=TokenBody, responses={201: NewTokenAnswer})
    def post(self, request: Request, team: str) -> Response:
        """Make a token; one made by a token ends when that one does."""
        row = self.own_team(team, "add_apitoken")
        body = self.read(TokenBody)
        token, plain = tokens.create(
            team=row,
            name=body["name"],
            role=_role(body["role"]),
            expires_at=_not_longer(body["expires_at"], request.user),
            created_by=self.author() or _maker(request.user),
        )
        answer = {**TokenAnswer(token).data, "token": plain}
        return Response(answer, status=status.HTTP_201_CREATED)


class OneToken(TeamView):
    @extend_schema(operation_id="tokens_revoke", responses={204: None})
    def delete(self, request: Request, team: str, prefix: str) -> Response:
        """Revoke a token at once, for good."""
        row = self.own_team(team, "change_apitoken")
        tokens.revoke(get_object_or_404(ApiToken, team=row, prefix=prefix))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _role(label: str) -> Role:
    return Role[label.upper()]


def _maker(principal: Any) -> User | None:
    """Who made the token that asks."""
    return principal.token.created_by if isinstance(principal, ServicePrincipal) else None


def _not_longer(asked: Any, principal: Any) -> Any:
    own = principal.token.expires_at if isinstance(principal, ServicePrincipal) else None
    return min(filter(None, (asked, own)), default=None)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except members.MemberRefused as error:
        raise Refused(Problem(HTTPStatus.CONFLICT, error.code, error.reason)) from None
