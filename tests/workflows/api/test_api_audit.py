from __future__ import annotations

import pytest

from workflows.models import AuditEntry, Role

pytestmark = pytest.mark.django_db


def test_an_act_by_token_bears_the_tokens_name(editor, admin, workflow):
    [saved] = admin.get("audit", event="workflow.saved").json()["results"]
    assert (saved["actor"], saved["object_id"]) == ("token editor", workflow["id"])
    assert saved["address"] == "127.0.0.1"


def test_only_admins_read_it_and_only_of_their_team(editor, admin, stranger, workflow):
    assert editor.get("audit").status_code == 403
    assert admin.get("audit", event="workflow.saved").json()["results"]
    assert not stranger.get("audit", event="workflow.saved").json()["results"]


def test_logins_are_for_superusers(admin, member):
    AuditEntry.objects.write("user.login", member)
    assert not admin.get("audit", event="user.login").json()["results"]


def test_it_is_read_by_moment_and_page_by_page(admin, team, make_client):
    for _ in range(3):
        AuditEntry.objects.write("workflow.run", team_id=team.pk)
    first = admin.get("audit", event="workflow.run", page_size=2).json()
    assert (len(first["results"]), bool(first["next"])) == (2, True)
    later = admin.get("audit", since="2090-01-01T00:00:00Z")
    assert later.json()["results"] == []


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_nobody_writes_it(make_client, method):
    admin = make_client(Role.ADMIN)
    answer = admin.delete("audit") if method == "delete" else getattr(admin, method)("audit", {})
    assert answer.status_code == 405
