"""A team with one row of everything, and a visitor of each role who asks any address."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver
from factories import (
    AlertChannelFactory,
    AlertDeliveryFactory,
    AlertRuleFactory,
    ApiTokenFactory,
    ConnectionFactory,
    MembershipFactory,
    PoolAssignmentFactory,
    RegistrationFactory,
    RunFactory,
    TeamFactory,
    UserFactory,
    VersionFactory,
    WorkerSeenFactory,
    WorkflowFactory,
    definition,
)

from workers.models import Pool
from workflows.models import AuditEntry, RegistrationOutbox, RetentionPolicy, Role, Team
from workflows.services import tokens

VISITORS = ("anonymous", "viewer", "operator", "editor", "admin", "stranger", "superuser")
#: Admin and fragments answer to these; the API's own methods are more.
PAGE_METHODS = ("GET", "POST")
API_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

#: Every name of the team and its rows has it: whoever reads it has seen the team.
MARK = "zanzibar"
#: Options of a connection that nothing listens at.
NOWHERE = {"host": "127.0.0.1", "port": 1, "database": "none", "user": "none"}

#: What a browser posts from the admin's dialogs and confirmations.
_CONFIRMED = {"post": "yes", "_form_submitted": "on"}
_QUERIES = {
    "/admin/autocomplete/": "?app_label=workflows&model_name=membership&field_name=user&term=",
}
#: Regular expressions in the URL conf, as a reader would write them.
_PLAIN = (
    (r"\^\(\?P<(\w+)>[^)]*\)/\$", r"<\1>/"),
    (r"\(\?P<(\w+)>[^)]*\)\$", r"<\1>"),
    (r"\^\.\*\$", "<anything>"),
    (r"<\w+:(\w+)>", r"<\1>"),
)


def addresses() -> list[str]:
    """Every address of the URL conf: ``/api/v1/workflows/<workflow_id>/status``."""
    return sorted(set(_walk(get_resolver().url_patterns, "/")))


def _walk(patterns: list[Any], prefix: str) -> Iterator[str]:
    for pattern in patterns:
        address = str(pattern.pattern)
        for expression, plain in _PLAIN:
            address = re.sub(expression, plain, address)
        if hasattr(pattern, "url_patterns"):
            yield from _walk(pattern.url_patterns, prefix + address)
        else:
            yield prefix + address


def methods_of(address: str) -> tuple[str, ...]:
    return API_METHODS if address.startswith("/api/") else PAGE_METHODS


def met_with(answer: HttpResponse) -> str:
    """The class of an answer; ``in`` is whatever only somebody let in can be told."""
    location = answer.headers.get("Location", "")
    if answer.status_code == 401 or location.startswith("/admin/login/"):
        return "login"
    return {403: "denied", 404: "absent", 405: "method"}.get(answer.status_code, "in")


@dataclass
class World:
    """Rows of the team (their ids in ``values``), and the credentials of each visitor."""

    team: Team
    rows: dict[str, Model]
    values: dict[str, str]
    sessions: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def of_nobody(self) -> World:
        """The same visitors, asking for ids that no row has."""
        nobody = {name: str(uuid.uuid4()) for name in ("workflow_id", "run_id", "object_id", "id")}
        return replace(
            self, rows={}, values={**self.values, **nobody, "slug": "nobody", "team": "nobody"}
        )

    def ask(self, visitor: str, method: str, address: str) -> HttpResponse:
        """Ask, and undo whatever was done."""
        body = self.bodies().get((method, address), {})
        with transaction.atomic():
            answer = self.send(visitor, method, self.path(address), body)
            transaction.set_rollback(True)
        return answer

    def send(self, visitor: str, method: str, path: str, body: Any = None) -> HttpResponse:
        client = Client()
        if token := path.startswith("/api/") and self.tokens.get(visitor):
            client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        elif visitor in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[visitor]
        if path.startswith("/api/"):
            content = "" if method == "GET" else json.dumps(body or {})
            return client.generic(method, path, content, "application/json")
        return client.get(path) if method == "GET" else client.post(path, body or _CONFIRMED)

    def path(self, address: str) -> str:
        """The address with ids of the team's rows in it."""
        values = dict(self.values)
        if model := re.match(r"/admin/(\w+)/(\w+)/", address):
            row = self.rows.get(".".join(model.groups()))
            values |= {"object_id": str(row.pk), "id": str(row.pk)} if row else {}
        filled = re.sub(r"<(\w+)>", lambda found: values[found[1]], address)
        return filled + _QUERIES.get(address, "")

    def bodies(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Valid bodies, where an invalid one would be refused before anyone asks for rights."""
        saved = {"definition": definition().model_dump(mode="json"), "team": self.team.slug}
        connection = {"name": "New", "options": NOWHERE}
        run = {"workflow_id": self.values["workflow_id"]}
        channel = {"name": "New", "options": {"to": ["ops@example.org"]}}
        rule = {"name": "New", "event": "failure", "channels": []}
        api = "/api/v1"
        return {
            ("POST", f"{api}/workflows/"): saved,
            ("POST", f"{api}/workflows/validate"): saved,
            ("POST", f"{api}/preview"): {**saved, "node": "read"},
            ("POST", f"{api}/workflows/<workflow_id>/preview"): {"node": "read"},
            ("POST", f"{api}/workflows/import"): {"payload": {}, "team": self.team.slug},
            ("POST", f"{api}/workflows/execute"): run,
            ("POST", f"{api}/workers/execute"): run,
            ("PUT", f"{api}/workflows/<workflow_id>/"): {
                "definition": saved["definition"],
                "version": 1,
            },
            ("POST", f"{api}/connections/"): {
                **connection,
                "slug": "new",
                "connector": "postgresql",
                "team": self.team.slug,
            },
            ("PUT", f"{api}/connections/<slug>/"): connection,
            ("POST", f"{api}/alerts/channels/"): {
                **channel,
                "kind": "email",
                "team": self.team.slug,
            },
            ("PUT", f"{api}/alerts/channels/<channel_id>/"): channel,
            ("POST", f"{api}/alerts/rules/"): {**rule, "team": self.team.slug},
            ("PUT", f"{api}/alerts/rules/<rule_id>/"): rule,
            ("POST", f"{api}/teams/<team>/members"): {"username": "new", "role": "viewer"},
            ("PUT", f"{api}/teams/<team>/members/<username>"): {"role": "operator"},
            ("POST", f"{api}/teams/<team>/tokens"): {"name": "new"},
        }


def make_world() -> World:
    team = TeamFactory(name=MARK, slug=MARK)
    rows = _rows(team)
    world = World(team, rows, _values(rows))
    for visitor, role in zip(VISITORS[1:5], Role, strict=True):
        _invite(world, visitor, team, role)
    _invite(world, "stranger", TeamFactory(name="Other", slug="other"), Role.ADMIN)
    root = UserFactory(username="superuser", password=None, is_staff=True, is_superuser=True)
    world.sessions["superuser"] = _session_of(root)
    return world


def _rows(team: Team) -> dict[str, Model]:
    workflow = WorkflowFactory(team=team, name=MARK, slug=MARK)
    registration = RegistrationFactory(workflow=workflow)
    pool = Pool.objects.get(name="default-agent-pool")
    made = [
        workflow,
        registration,
        RegistrationOutbox.objects.get(pk=workflow.pk),
        VersionFactory(workflow=workflow),
        RunFactory(workflow=workflow, pool=pool.name),
        PoolAssignmentFactory(workflow=workflow, pool=pool),
        ConnectionFactory(team=team, slug=MARK, options=NOWHERE),
        ApiTokenFactory(team=team, name=MARK),
        AuditEntry.objects.write("workflow.run", workflow),
        RetentionPolicy.objects.create(team=team),
        channel := AlertChannelFactory(team=team, name=MARK),
        AlertRuleFactory(team=team, name=MARK),
        AlertDeliveryFactory(channel=channel, subject=MARK),
        WorkerSeenFactory(pool=pool),
        UserFactory(password=None),
        pool,
        team,
    ]
    return {row._meta.label_lower: row for row in made}


def _values(rows: dict[str, Model]) -> dict[str, str]:
    workflow, run = rows["workflows.workflow"], rows["workflows.run"]
    content_type = apps.get_model("contenttypes.ContentType").objects.get_for_model(workflow)
    return {
        "workflow_id": str(workflow.pk),
        "run_id": str(run.pk),
        "preview_id": str(run.pk),
        "node_key": "read",
        "pool": "default-agent-pool",
        "connection_id": str(rows["workflows.connection"].pk),
        "pool_id": str(rows["workers.pool"].pk),
        "slug": MARK,
        "team": MARK,
        "username": "viewer",
        "channel_id": str(rows["workflows.alertchannel"].pk),
        "rule_id": str(rows["workflows.alertrule"].pk),
        "message_id": str(rows["workflows.alertdelivery"].pk),
        "prefix": rows["workflows.apitoken"].prefix,
        "uidb64": "MQ",
        "token": "none",
        "app_label": "workflows",
        "url": "no/such/page/",
        "anything": "no/such/thing",
        "content_type_id": str(content_type.pk),
        "object_id": str(workflow.pk),
    }


def _invite(world: World, visitor: str, team: Team, role: Role) -> None:
    user = UserFactory(username=visitor, password=None, is_staff=True)
    MembershipFactory(user=user, team=team, role=role)
    world.sessions[visitor] = _session_of(user)
    world.tokens[visitor] = tokens.create(team=team, name=visitor, role=role)[1]


def _session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value
