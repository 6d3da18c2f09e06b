from __future__ import annotations

import pytest
from django.urls import reverse
from factories import AlertChannelFactory, AlertDeliveryFactory, AlertRuleFactory, WorkflowFactory

from workflows.models import AlertChannel, AlertDelivery, AlertRule, Role

pytestmark = pytest.mark.django_db

ADD = "/admin/workflows/alertchannel/add/"
SUBMIT = {"_form_submitted": "on"}


def change(channel: AlertChannel) -> str:
    return reverse("admin:workflows_alertchannel_change", args=[channel.pk])


def test_the_kind_is_chosen_first(editor):
    page = editor.get(ADD).content.decode()
    assert 'href="?kind=email"' in page
    assert "config_" not in page


def test_a_channel_is_made_by_its_kinds_own_fields(editor, team):
    body = {
        "name": "Ops",
        "team": team.pk,
        "config_url": "https://x.example/",
        "config_secret": "k",
    }
    editor.post(f"{ADD}?kind=webhook", body)
    made = AlertChannel.objects.get()
    assert (made.options, made.secrets) == ({"url": "https://x.example/"}, {"secret": "k"})
    assert made.options.get("secret") != "k"


def test_a_wrong_address_is_named_at_its_field(editor, team):
    answer = editor.post(f"{ADD}?kind=email", {"name": "O", "team": team.pk, "config_to": "nobody"})
    assert "is no e-mail address" in answer.content.decode()


def test_a_stored_secret_is_not_shown_and_does_not_follow_to_another_address(editor, team):
    channel = AlertChannelFactory(
        team=team,
        kind="webhook",
        options={"url": "https://x.example/"},
        secrets={"secret": "s3cr3t"},
    )
    assert "s3cr3t" not in editor.get(change(channel)).content.decode()
    moved = {"name": "Ops", "config_url": "https://evil.example/", "config_secret": ""}
    assert "enter it again" in editor.post(change(channel), moved).content.decode()
    channel.refresh_from_db()
    assert channel.options == {"url": "https://x.example/"}


def test_a_test_says_what_went_wrong(editor, team):
    options = {"url": "http://127.0.0.1:1/"}
    channel = AlertChannelFactory(team=team, kind="webhook", options=options)
    test = reverse("admin:workflows_alertchannel_send_test", args=[channel.pk])
    assert "may not be reached" in editor.post(test, SUBMIT, follow=True).content.decode()


def rule(**changes):
    return {
        "name": "Failures", "event": "failure", "is_active": "on", "minutes": 10,
        "times_median": 3, "group_minutes": 60, "timezone": "Europe/Berlin", **changes,
    }  # fmt: skip


RULE = "/admin/workflows/alertrule/add/"


def test_an_editor_makes_a_rule(editor, team):
    channel = AlertChannelFactory(team=team)
    editor.post(RULE, rule(team=team.pk, channels=[channel.pk]))
    assert list(AlertRule.objects.get().channels.all()) == [channel]


def test_a_rule_names_nothing_of_another_team(editor, team):
    workflow, channel = WorkflowFactory(), AlertChannelFactory()
    editor.post(RULE, rule(team=team.pk, workflow=workflow.pk, channels=[channel.pk]))
    assert not AlertRule.objects.exists()


@pytest.mark.parametrize(
    "wrong", [{"timezone": "Mars/Olympus"}, {"quiet_from": "22:00"}, {"times_median": 0}]
)
def test_a_rule_that_makes_no_sense_is_refused(editor, team, wrong):
    channel = AlertChannelFactory(team=team)
    editor.post(RULE, rule(team=team.pk, channels=[channel.pk], **wrong))
    assert not AlertRule.objects.exists()


def test_an_operator_reads_rules_and_sends_again_what_failed(as_role, team):
    operator = as_role(Role.OPERATOR)
    AlertRuleFactory(team=team, name="Failures")
    assert "Failures" in operator.get("/admin/workflows/alertrule/").content.decode()
    assert operator.get(RULE).status_code == 403
    failed = AlertDeliveryFactory(channel__team=team, state="failed", attempts=12)
    operator.post(reverse("admin:workflows_alertdelivery_send_again", args=[failed.pk]), SUBMIT)
    assert AlertDelivery.objects.get().state == "waiting"


def test_a_channel_goes_with_what_was_sent_to_it(as_role, team):
    channel = AlertDeliveryFactory(channel__team=team).channel
    delete = reverse("admin:workflows_alertchannel_delete", args=[channel.pk])
    as_role(Role.ADMIN).post(delete, {"post": "yes"})
    assert not AlertChannel.objects.exists()
