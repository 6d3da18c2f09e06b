"""Who gets in, and how errors look, at every address."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from workers.models import Pool
from workers.provisioning import ensure_pools
from workflows.models import ApiToken, Role, Team, Workflow
from workflows.services import tokens

_ANY = {
    "workflow_id": uuid.UUID(int=1),
    "run_id": uuid.UUID(int=2),
    "pool": "default-agent-pool",
    "slug": "warehouse",
    "team": "shop",
    "username": "ada",
    "prefix": "0000",
}


def addresses() -> list[str]:
    patterns = get_resolver("workflows.api.urls").url_patterns
    routes = [str(p.pattern) for p in patterns if p.name not in ("no-such-address", "docs")]
    for name, value in _ANY.items():
        routes = [re.sub(f"<(uuid|slug|str):{name}>", str(value), route) for route in routes]
    return routes


@pytest.mark.parametrize("address", addresses())
@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_nobody_gets_in_without_a_token(anonymous, address, method):
    send = getattr(anonymous, method)
    answer = send(address, {}) if method == "put" else send(address)
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "suffix", ["x/health", "health", ".json", "workflows/.svg", "workflows//", "WORKFLOWS/", "%2e"]
)
def test_no_trick_with_the_address_gets_in(anonymous, suffix):
    assert anonymous.get(suffix).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "least"),
    [
        ("get", "workflows/{id}/", Role.VIEWER),
        ("get", "workflows/{id}/status", Role.VIEWER),
        ("get", "workflows/{id}/runs", Role.VIEWER),
        ("post", "workflows/{id}/pause", Role.OPERATOR),
        ("post", "workflows/{id}/resume", Role.OPERATOR),
        ("post", "workflows/{id}/register", Role.EDITOR),
        ("delete", "workflows/{id}/deployment", Role.EDITOR),
        ("delete", "workflows/{id}/", Role.ADMIN),
        ("get", "workers/overview", Role.VIEWER),
        ("get", "workers/pools", Role.VIEWER),
        ("get", "workers/distribution", Role.VIEWER),
        ("get", "workers/pools/etl-pool/status", Role.VIEWER),
        ("post", "workers/pools/own-pool/pause", Role.ADMIN),
        ("post", "workers/pools/own-pool/resume", Role.ADMIN),
        ("get", "connections/", Role.VIEWER),
        ("get", "kinds", Role.VIEWER),
    ],
)
@pytest.mark.parametrize("role", Role)
def test_each_role_may_do_what_the_table_says(
    make_client, team, workflow, method, path, least, role
):
    Pool.objects.create(name="own-pool", rank=15).teams.add(team)
    ensure_pools()
    answer = getattr(make_client(role), method)(path.format(id=workflow["id"]))
    assert (answer.status_code == 403) is (role < least)
    assert answer.status_code in (200, 202, 204, 403)


@pytest.mark.parametrize("path", ["workflows/", "workflows/validate", "workflows/import"])
def test_an_operator_writes_nothing(operator, definition, path):
    body: dict[str, Any] = {"payload": {}} if "import" in path else {"definition": definition}
    assert operator.post(path, body).status_code == 403
    assert not Workflow.objects.exists()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "workflows/{id}/"),
        ("delete", "workflows/{id}/"),
        ("get", "workflows/{id}/status"),
        ("post", "workflows/{id}/pause"),
        ("get", "workflows/{id}/runs"),
    ],
)
def test_another_teams_workflow_is_as_absent_as_none(stranger, workflow, method, path):
    theirs = getattr(stranger, method)(path.format(id=workflow["id"]))
    nobodys = getattr(stranger, method)(path.format(id=uuid.uuid4()))
    assert theirs.status_code == 404
    assert theirs.json() == nobodys.json()


def test_another_teams_workflow_is_not_run(stranger, workflow):
    body = {"workflow_id": workflow["id"]}
    assert stranger.post("workflows/execute", body).status_code == 404


def test_an_unknown_address_answers_as_the_api_does(viewer):
    answer = viewer.get("no/such/thing")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert answer["Content-Type"] == "application/problem+json"


def test_a_wrong_method_is_a_problem(viewer):
    answer = viewer.post("kinds")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("text", ["", "Bearer", "Bearer nonsense", "Bearer fa_12345678_x y"])
def test_a_wrong_token_is_refused(text):
    answer = Client().get("/api/v1/kinds", headers={"Authorization": text} if text else {})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_token_is_dead_at_once(team):
    token, plain = tokens.create(team=team, name="ci", role=Role.VIEWER)
    headers = {"Authorization": f"Bearer {plain}"}
    assert Client().get("/api/v1/kinds", headers=headers).status_code == 200
    tokens.revoke(token)
    assert Client().get("/api/v1/kinds", headers=headers).status_code == 401


def test_a_login_needs_the_csrf_token_to_write(member, definition):
    client = Client(enforce_csrf_checks=True)
    client.force_login(member)
    assert client.get("/api/v1/workflows/").status_code == 200
    answer = client.post("/api/v1/workflows/", {"definition": definition}, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('{"definition": {}, "definition": {}}', "given twice in one object: 'definition'"),
        ('{"definition": {"name": NaN}}', "'NaN' is not a JSON number"),
        ('{"definition": {"name": 1e999}}', "too large"),
        ('{"definition": {"name": "a\\u0000"}}', "NUL"),
        ('{"definition": {"name": "\\ud800"}}', "surrogate"),
        ('{"definition": ' + "[" * 10_000 + "]" * 10_000 + "}", "nested too deeply"),
        ('{"definition": ', "the text ends early"),
    ],
)
def test_a_body_that_is_not_strict_json_is_refused(team, body, says):
    _, plain = tokens.create(team=team, name="ci", role=Role.EDITOR)
    answer = Client().post(
        "/api/v1/workflows/", body, "application/json", headers={"Authorization": f"Bearer {plain}"}
    )
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


def test_a_body_of_another_type_is_refused(team):
    _, plain = tokens.create(team=team, name="ci", role=Role.EDITOR)
    headers = {"Authorization": f"Bearer {plain}"}
    answer = Client().post("/api/v1/workflows/", {"definition": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_body_that_is_too_large_is_refused(editor):
    answer = editor.post("workflows/", {"definition": "x" * (10 * 1024 * 1024)})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_an_unknown_key_is_named(editor, definition):
    answer = editor.post("workflows/", {"definition": definition, "owner": "me"})
    assert answer.status_code == 400
    assert answer.json()["issues"][0]["field"] == "owner"


def test_a_body_that_is_no_object_is_refused(editor):
    answer = editor.post("workflows/", [1, 2])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_requests_are_counted_per_token(team, settings, monkeypatch):
    from workflows.api.throttles import PrincipalThrottle

    monkeypatch.setattr(PrincipalThrottle, "rate", "2/min", raising=False)
    plain = [tokens.create(team=team, name=n, role=Role.VIEWER)[1] for n in ("a", "b")]
    codes = [
        Client().get("/api/v1/kinds", headers={"Authorization": f"Bearer {token}"}).status_code
        for token in (plain[0], plain[0], plain[0], plain[1])
    ]
    assert codes == [200, 200, 429, 200]
    assert ApiToken.objects.count() == 2


def test_health_needs_no_token():
    answer = Client().get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_the_docs_page_lists_every_address(member):
    client = Client()
    assert client.get("/api/v1/docs").status_code == 302
    client.force_login(member)
    page = client.get("/api/v1/docs").content.decode()
    assert "/api/v1/workflows/execute" in page
    assert "//cdn" not in page


def test_a_team_that_is_not_mine_is_unknown(editor, definition):
    Team.objects.create(name="Other", slug="other")
    answer = editor.post("workflows/", {"definition": definition, "team": "other"})
    assert answer.status_code == 400
    assert "unknown team 'other'" in answer.json()["detail"]
