from __future__ import annotations

import json

from workflows.streams.shown import Shown


def data(message: bytes) -> dict[str, str]:
    found = json.loads(message.decode().split("data: ")[1])
    assert isinstance(found, dict)
    return found


BEFORE = Shown({"state": ("a1", "Running"), "nodes": ("b1", "read")})
AFTER = Shown({"state": ("a2", "Completed"), "nodes": ("b1", "read")})


def test_who_shows_nothing_is_sent_all():
    assert data(BEFORE.message("")) == {"state": "Running", "nodes": "read"}


def test_who_showed_it_before_is_sent_what_has_changed():
    assert data(AFTER.message(BEFORE.id)) == {"state": "Completed"}


def test_who_shows_it_already_is_sent_nothing():
    assert AFTER.message(AFTER.id) == b""


def test_a_message_is_written_once():
    assert AFTER.message(BEFORE.id) is AFTER.message(BEFORE.id)


def test_an_id_of_somebody_else_is_no_id():
    assert data(BEFORE.message("nonsense,,=,state=zz")) == {"state": "Running", "nodes": "read"}


def test_made_up_ids_do_not_fill_the_memory():
    many = Shown({"state": ("a1", "Running")})
    for number in range(1_000):
        many.message(f"state={number}")
    assert len(many._messages) < 100
