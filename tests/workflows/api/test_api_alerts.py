from __future__ import annotations

import pytest
from django.utils import timezone
from factories import AlertChannelFactory, AlertDeliveryFactory, AlertRuleFactory

from workflows.models import AlertChannel, AlertDelivery, AlertRule

pytestmark = pytest.mark.django_db
HOOK = {"name": "Hook", "kind": "webhook", "options": {"url": "https://example.org/hook"}}


@pytest.fixture
def channel(team) -> AlertChannel:
    return AlertChannelFactory(team=team)


def rule_on(channel: AlertChannel, **changed: object) -> dict[str, object]:
    return {"name": "Failures", "event": "failure", "channels": [channel.pk], **changed}


def test_a_channel_is_made_and_its_secret_never_shown(editor):
    made = editor.post("alerts/channels/", {**HOOK, "secrets": {"secret": "s3cret"}})
    assert (made.status_code, made.json()["has_secrets"]) == (201, True)
    shown = editor.get(f"alerts/channels/{made.json()['id']}/")
    assert "s3cret" not in made.content.decode() + shown.content.decode()
    assert AlertChannel.objects.get().secrets == {"secret": "s3cret"}


def test_an_unknown_event_is_refused_with_those_there_are(editor, channel):
    answer = editor.post("alerts/rules/", rule_on(channel, event="run_failed"))
    (issue,) = answer.json()["issues"]
    assert issue["field"] == "event"
    assert issue["message"].startswith("'run_failed' is not one of: failure, recovery")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"kind": "webhok"}, "did you mean 'webhook'"),
        ({"options": {"url": "nonsense"}}, "'url'"),
        ({"options": {**HOOK["options"], "secret": "x"}}, "give it in 'secrets'"),
        ({"secrets": {"sekret": "x"}}, "did you mean 'secret'"),
    ],
)
def test_a_channel_that_cannot_work_is_refused(editor, changed, told):
    answer = editor.post("alerts/channels/", {**HOOK, **changed})
    assert answer.status_code == 400
    assert told in answer.json()["detail"]
    assert not AlertChannel.objects.exists()


def test_a_secret_does_not_follow_to_another_receiver(editor, team):
    secrets = {"secret": "s3cret"}
    made = AlertChannelFactory(team=team, kind="webhook", options=HOOK["options"], secrets=secrets)
    elsewhere = {"name": "Hook", "options": {"url": "https://example.com/theirs"}}
    refused = editor.put(f"alerts/channels/{made.pk}/", elsewhere)
    assert "given again: 'secret'" in refused.json()["detail"]
    again = editor.put(f"alerts/channels/{made.pk}/", {**elsewhere, "secrets": secrets})
    assert again.json()["options"] == elsewhere["options"]


def test_a_test_says_why_nothing_arrived(editor, team):
    made = AlertChannelFactory(
        team=team, kind="webhook", options={"url": "http://127.0.0.1:9/hook"}
    )
    answer = editor.post(f"alerts/channels/{made.pk}/test")
    assert (answer.status_code, answer.json()["code"]) == (502, "not_sent")
    assert "127.0.0.1" in answer.json()["detail"]


def test_a_rule_is_made_changed_and_deleted(editor, channel, workflow):
    body = rule_on(channel, workflow=workflow["id"], quiet_from="22:00", quiet_until="06:00")
    made = editor.post("alerts/rules/", body).json()
    assert made["workflow"] == workflow["id"]
    assert (made["channels"], made["quiet_from"]) == ([channel.pk], "22:00:00")
    changed = editor.put(f"alerts/rules/{made['id']}/", rule_on(channel, event="late")).json()
    assert (changed["event"], changed["workflow"], changed["quiet_from"]) == ("late", None, None)
    assert editor.delete(f"alerts/rules/{made['id']}/").status_code == 204
    assert not AlertRule.objects.exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"event": "nothing"}, "event"),
        ({"quiet_from": "22:00"}, "quiet hours need a beginning and an end"),
        ({"timezone": "Mars/Base"}, "unknown time zone 'Mars/Base'"),
        ({"pool": "no-pool"}, "there is no pool 'no-pool'"),
        ({"channels": [10**6]}, "there is no channel 1000000"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(editor, channel, changed, field):
    answer = editor.post("alerts/rules/", rule_on(channel, **changed))
    assert answer.status_code == 400
    assert field in answer.json()["detail"]
    assert not AlertRule.objects.exists()


def test_a_rule_names_nothing_of_another_team(editor, channel):
    theirs = AlertChannelFactory()
    answer = editor.post("alerts/rules/", rule_on(channel, channels=[theirs.pk]))
    assert f"there is no channel {theirs.pk}" in answer.json()["detail"]


def test_a_superuser_too_keeps_teams_apart(team, channel, django_user_model, client):
    root = django_user_model.objects.create_superuser("root")
    client.force_login(root)
    body = rule_on(AlertChannelFactory(), team=team.slug)
    answer = client.post("/api/v1/alerts/rules/", body, content_type="application/json")
    assert "Choose channels of the team" in answer.json()["detail"]


def test_messages_are_read_by_state_and_sent_again(operator, channel):
    AlertDeliveryFactory(channel=channel, state="sent")
    failed = AlertDeliveryFactory(channel=channel, state="failed", error="refused")
    [shown] = operator.get("alerts/messages/", state="failed").json()["results"]
    assert (shown["id"], shown["error"], shown["lines"]) == (failed.pk, "refused", ["x"])
    assert operator.post(f"alerts/messages/{failed.pk}/send-again").json()["state"] == "waiting"
    again = operator.post(f"alerts/messages/{failed.pk}/send-again")
    assert (again.status_code, again.json()["code"]) == (409, "not_failed")


def test_messages_of_other_teams_are_not_there(viewer, operator, channel):
    theirs = AlertRuleFactory(channels=[AlertChannelFactory()])
    other = AlertDeliveryFactory(channel=theirs.channels.get(), state="failed")
    assert viewer.get("alerts/messages/").json()["results"] == []
    assert operator.post(f"alerts/messages/{other.pk}/send-again").status_code == 404
    assert AlertDelivery.objects.get().state == "failed"


def test_what_is_held_together_is_told_under_one_digest(editor, channel):
    due = timezone.now()
    held = [AlertDeliveryFactory(channel=channel, is_held=True, due_at=due) for _ in range(2)]
    AlertDeliveryFactory(channel=channel, due_at=due)
    AlertDeliveryFactory(channel__team=channel.team, is_held=True, due_at=due)
    told = [row["digest"] for row in editor.get("alerts/messages/").json()["results"]]
    assert told == [AlertDelivery.objects.first().pk, None, held[0].pk, held[0].pk]
