from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from time_machine import travel

from workflows.models import AlertCase, AlertDelivery
from workflows.services.alerting.sending import send_due
from workflows.services.alerting.telling import Happening, go_on, tell

pytestmark = pytest.mark.django_db

NIGHT = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


def happening(key: str, cause: str = "failure:1") -> Happening:
    return Happening(key, cause, "'Orders' failed", "it broke", "/admin/run/")


def subjects() -> list[str]:
    return list(AlertDelivery.objects.order_by("pk").values_list("subject", flat=True))


def test_the_first_of_a_cause_is_told_and_the_next_are_counted(make_rule):
    rule = make_rule()
    for key in "abc":
        tell(rule, happening(key))
    assert subjects() == ["'Orders' failed"]
    assert AlertCase.objects.get().count == 3


def test_another_cause_is_told_at_once(make_rule):
    rule = make_rule()
    tell(rule, happening("a"))
    tell(rule, happening("b", cause="failure:2"))
    assert len(subjects()) == 2


def test_the_same_happening_is_never_counted_twice(make_rule):
    rule = make_rule()
    for _ in range(2):
        tell(rule, happening("a"))
    assert AlertCase.objects.get().count == 1


def test_what_was_counted_is_told_when_the_time_is_over_and_then_it_ends(make_rule):
    rule = make_rule(group_minutes=60)
    with travel(NIGHT, tick=False) as clock:
        for number in range(12):
            tell(rule, happening(str(number)))
        go_on()
        assert len(subjects()) == 1
        clock.shift(timedelta(minutes=61))
        go_on()
        assert subjects()[1:] == ["'Orders' failed: 12 times since 2026-03-01 02:00 UTC"]
        clock.shift(timedelta(minutes=61))
        go_on()
        tell(rule, happening("later"))
    assert subjects()[2:] == ["'Orders' failed"]


def test_every_channel_of_the_rule_is_told(make_rule, team, hook):
    rule = make_rule()
    rule.channels.create(team=team, name="second", kind="webhook", options=hook.options)
    tell(rule, happening("a"))
    assert len(subjects()) == 2


@pytest.mark.parametrize(
    ("hour", "is_quiet"), [(19, False), (21, True), (23, True), (4, True), (5, False), (12, False)]
)
def test_quiet_hours_are_those_of_the_rules_zone_and_go_over_midnight(make_rule, hour, is_quiet):
    """22 to 6 in Berlin are 21 to 5 UTC in winter."""
    rule = make_rule(quiet_from="22:00", quiet_until="06:00", timezone="Europe/Berlin")
    rule.refresh_from_db()
    end = rule.quiet_ends_at(NIGHT.replace(hour=hour))
    assert (end is not None) is is_quiet
    assert end is None or end.astimezone(UTC).hour == 5


def digests() -> list[int | None]:
    return [row.digest for row in AlertDelivery.objects.with_digest()]


def test_what_is_not_held_goes_by_itself(make_rule, receiver):
    rule = make_rule()
    for cause in ("failure:1", "failure:2"):
        tell(rule, happening(cause, cause))
    assert digests() == [None, None]


def test_what_is_held_goes_out_as_one_message_after(make_rule, receiver):
    rule = make_rule(quiet_from="01:00", quiet_until="06:00")
    rule.refresh_from_db()
    with travel(NIGHT, tick=False) as clock:
        for cause in ("failure:1", "failure:2"):
            tell(rule, happening(cause, cause))
        assert send_due() == 0
        first = AlertDelivery.objects.last().pk
        assert digests() == [first, first]
        clock.move_to(NIGHT.replace(hour=6))
        assert send_due() == 1
        assert send_due() == 0
        assert digests() == [first, first]
    [got] = [json.loads(one.body) for one in receiver.got]
    assert got["subject"] == "2 messages held in quiet hours"
    assert [held["cause"] for held in got["held"]] == ["failure:1", "failure:2"]


def test_the_message_leads_to_the_page(make_rule, receiver, settings):
    settings.FLOWADMIN_PUBLIC_URL = "https://flow.example/"
    tell(make_rule(), happening("a"))
    send_due()
    assert json.loads(receiver.got[0].body)["link"] == "https://flow.example/admin/run/"


def test_a_failed_message_is_tried_again_later_and_then_never(make_rule, receiver):
    tell(make_rule(), happening("a"))
    receiver.answers = [500]
    assert send_due() == 0
    delivery = AlertDelivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("waiting", 1)
    assert delivery.due_at > timezone.now()
    AlertDelivery.objects.update(due_at=timezone.now(), attempts=11)
    receiver.answers = [500]
    send_due()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.error) == ("failed", "'127.0.0.1' answered 500")


def test_a_claim_of_a_sender_that_died_runs_out(make_rule, receiver):
    tell(make_rule(), happening("a"))
    AlertDelivery.objects.update(locked_until=timezone.now() + timedelta(minutes=1))
    assert send_due() == 0
    AlertDelivery.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
    assert send_due() == 1
