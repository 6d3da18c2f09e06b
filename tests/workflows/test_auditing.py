"""Who did what: an entry per act, by the right name, without secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from factories import (
    AlertRuleFactory,
    ConnectionFactory,
    MembershipFactory,
    NodeFactory,
    TeamFactory,
    UserFactory,
)

from workers.models import Pool
from workflows.acting import Actor, acting
from workflows.models import AuditEntry, Role
from workflows.services import auditing, connections, members, running, tokens

pytestmark = pytest.mark.django_db


def events() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("event", flat=True))


def latest(event: str) -> AuditEntry:
    return AuditEntry.objects.filter(event=event).first()


def test_acts_on_workflows_are_recorded(registered, prefect):
    AuditEntry.objects.all().delete()
    run = running.run_now(workflow=registered)
    running.cancel(run)
    running.pause(registered)
    running.resume(registered)
    acts = ["workflow.run", "run.canceled", "workflow.paused", "workflow.resumed"]
    assert events() == acts
    assert {entry.team for entry in AuditEntry.objects.all()} == {registered.team}
    assert latest("workflow.run").details["run"] == str(run.pk)


def test_saving_a_definition_is_recorded_with_its_version(registered, save):
    assert latest("workflow.saved").details == {"version": 1, "message": ""}


def test_without_anybody_asking_it_was_the_system(registered):
    running.pause(registered)
    assert latest("workflow.paused").actor == "system"


def test_a_change_names_fields_before_and_after():
    node = NodeFactory(config={"condition": "a > 1"})
    node.config = {"condition": "a > 2"}
    node.save()
    assert latest("node.changed").changes == {"config": [{"condition": "a > 1"}, node.config]}


def test_a_save_that_changes_nothing_is_not_recorded():
    node = NodeFactory()
    AuditEntry.objects.all().delete()
    node.save()
    assert events() == []


@pytest.mark.parametrize("secret", ["tweet-5ecret-canary", "§q!"])
def test_a_secret_is_never_in_the_log(secret):
    connection = ConnectionFactory(secrets={"password": secret})
    connections.save_secrets(connection, {"password": f"new-{secret}"})
    user = UserFactory()
    user.set_password(secret)
    user.save()
    _, plain = tokens.create(team=TeamFactory(), name="ci")
    whole = json.dumps(list(AuditEntry.objects.values()), default=str)
    assert secret not in whole
    assert plain.rpartition("_")[2] not in whole
    assert user.password not in whole
    assert latest("connection.changed").changes["secrets"] == ["(hidden)", "(hidden)"]


def test_making_and_revoking_a_token_is_recorded():
    token, _ = tokens.create(team=TeamFactory(), name="ci")
    tokens.revoke(token)
    tokens.revoke(token)
    assert events()[-2:] == ["apitoken.created", "apitoken.revoked"]


def test_members_and_reservations_are_recorded():
    membership = MembershipFactory(role=Role.VIEWER)
    members.change_role(membership, Role.EDITOR, by=User(is_superuser=True))
    pool = Pool.objects.create(name="own-pool", rank=15)
    pool.teams.add(membership.team)
    assert latest("membership.changed").changes["role"] == [10, 30]
    assert latest("pool.changed").changes["teams"] == [[], [str(membership.team)]]


def test_a_rule_for_every_workflow_concerns_its_team():
    rule = AlertRuleFactory(workflow=None)
    assert latest("alertrule.created").team == rule.team


def test_an_entry_outlives_what_it_tells_of():
    team = TeamFactory(name="Gone")
    MembershipFactory(team=team)
    team.delete()
    gone = AuditEntry.objects.filter(event__in=["team.deleted", "membership.deleted"])
    assert {entry.team for entry in gone.select_related("team")} == {None}
    assert latest("team.deleted").object_name == "Gone"


@pytest.fixture
def browser(settings) -> Client:
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    UserFactory(username="ada", password="right", is_staff=True, is_superuser=True)
    return Client()


LOGIN = "/admin/login/"


def test_logins_are_recorded_with_name_and_address(browser):
    browser.post(LOGIN, {"username": "ada", "password": "right"}, REMOTE_ADDR="192.0.2.7")
    entry = latest("user.login")
    assert (entry.actor, entry.address, entry.object_name) == ("ada", "192.0.2.7", "ada")
    browser.post("/admin/logout/")
    assert latest("user.logout").actor == "ada"


def test_a_failed_login_names_a_user_and_never_what_was_typed(browser):
    browser.post(LOGIN, {"username": "ada", "password": "wrong-one"})
    assert latest("user.login_failed").object_name == "ada"
    browser.post(LOGIN, {"username": "a-password-in-the-wrong-field", "password": "x"})
    whole = json.dumps(list(AuditEntry.objects.values()), default=str)
    assert "wrong-one" not in whole
    assert "wrong-field" not in whole


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "192.0.2.7"),
        (1, "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        (2, "203.0.113.9, 198.51.100.1", "203.0.113.9"),
        (1, "<script>", None),
        (2, "198.51.100.1", "192.0.2.7"),
    ],
)
def test_the_address_is_the_one_our_own_proxies_wrote(
    browser, settings, proxies, forwarded, address
):
    settings.FLOWADMIN_TRUSTED_PROXIES = proxies
    headers = {"REMOTE_ADDR": "192.0.2.7", "HTTP_X_FORWARDED_FOR": forwarded}
    browser.post(LOGIN, {"username": "ada", "password": "right"}, **headers)
    assert latest("user.login").address == address


def test_a_request_leaves_no_name_behind(browser, registered):
    browser.post(LOGIN, {"username": "ada", "password": "right"})
    running.pause(registered)
    assert latest("workflow.paused").actor == "system"


def test_acts_outside_requests_can_be_given_a_name(registered):
    with acting(Actor("cron")):
        running.pause(registered)
    assert latest("workflow.paused").actor == "cron"


def test_every_entry_is_of_an_event_that_can_be_asked_for(registered, save):
    running.cancel(running.run_now(workflow=registered))
    MembershipFactory(team=registered.team)
    TeamFactory().delete()
    assert set(events()) <= set(auditing.events())
    assert {"workflow.run", "membership.created", "team.deleted"} <= set(auditing.events())
