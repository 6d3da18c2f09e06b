from __future__ import annotations

import copy

from factories import definition

from workflows.pages.versions import text_diff, version_changes

BEFORE = definition(parameters={"limit": 5}).model_dump(mode="json")


def changed(change) -> list[tuple[str, str, str]]:
    now = copy.deepcopy(BEFORE)
    change(now)
    return [(one.what, one.before, one.now) for one in version_changes(BEFORE, now)]


def test_equal_versions_have_no_changes():
    assert version_changes(BEFORE, BEFORE) == []
    assert text_diff(BEFORE, BEFORE) == []


def test_a_setting_of_a_node_is_named_with_both_values():
    def tighten(now):
        now["nodes"][1]["config"]["condition"] = "amount > 9"

    assert changed(tighten) == [("Node 'keep0', condition", "amount > 5", "amount > 9")]


def test_nodes_that_came_and_went_are_named_with_their_kind():
    def rename(now):
        now["nodes"][1]["key"] = "strict"
        now["dependencies"] = []

    found = changed(rename)
    assert ("Node 'keep0'", "filter", "removed") in found
    assert ("Node 'strict'", "\u2013", "added: filter") in found
    assert ("Dependency", "read \u2192 keep0", "removed") in found


def test_parameters_and_schedules_are_compared_as_well():
    def alter(now):
        now["parameters"]["limit"] = 7
        now["schedules"] = [{"slug": "nightly", "cron": "0 3 * * *"}]

    assert changed(alter) == [
        ("parameters limit", "5", "7"),
        ("Schedule 'nightly'", "\u2013", "added: new"),
    ]


def test_the_text_marks_lines_that_changed():
    now = copy.deepcopy(BEFORE)
    now["name"] = "Archive"
    lines = text_diff(BEFORE, now)
    assert ("-", '  "name": "Archive orders",') in lines
    assert ("+", '  "name": "Archive",') in lines
