"""Every acceptance case of the existing system's payloads: what importing makes of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from payloads import CORPUS

from workflows.models import Schedule, Workflow
from workflows.services.importing.legacy import Imported, ImportRefused, import_payload
from workflows.services.importing.legacy.translate import SELECT_SUFFIX
from workflows.services.predicting import pool_by_rule


def cases(is_ok: bool) -> list[Any]:
    found = []
    for path in sorted(CORPUS.glob("*.expected.json")):
        expected = json.loads(path.read_text())
        if expected["import"]["ok"] is is_ok:
            found.append(pytest.param(expected, id=expected["case"]))
    return found


def import_case(expected: dict[str, Any], team: Any) -> Imported:
    payload = json.loads((CORPUS / f"{expected['case']}.json").read_text())
    call = expected["call"]
    return import_payload(
        payload,
        team=team,
        schedule=call["schedule"] or "",
        preferred_pool=call["preferred_pool"] or "",
    )


def schedule_of(workflow: Workflow) -> dict[str, Any] | None:
    row = Schedule.objects.filter(workflow=workflow).first()
    if row is None:
        return None
    if row.interval:
        return {"type": "interval", "seconds": row.interval.total_seconds()}
    return {"type": "cron", "value": row.cron, "timezone": row.timezone}


@pytest.mark.parametrize("expected", cases(is_ok=True))
def test_a_case_is_imported_as_it_should_be(team, warehouse, expected):
    imported = import_case(expected, team)
    graph, workflow = imported.graph, imported.workflow
    assert sorted(issue.code for issue in imported.warnings) == expected["import"]["warnings"]
    assert len(graph.nodes) == expected["graph"]["node_count"]
    assert [list(edge) for edge in graph.edges] == expected["graph"]["edges"]
    assert graph.levels == expected["graph"]["levels"]
    assert pool_by_rule(workflow) == expected["pool"]
    assert schedule_of(workflow) == expected["schedule"]


@pytest.mark.parametrize("expected", cases(is_ok=True))
def test_a_case_keeps_its_nodes_names_and_edges(team, warehouse, expected):
    workflow = import_case(expected, team).workflow
    names = {key: node["node_name"] for key, node in expected["graph"]["nodes"].items()}
    assert dict(workflow.nodes.values_list("key", "name")) == names
    edges = workflow.dependencies.values_list("source__key", "target__key")
    assert sorted(map(list, edges)) == expected["graph"]["edges"]
    assert not workflow.nodes.filter(key__endswith=SELECT_SUFFIX).exists()


@pytest.mark.parametrize("expected", cases(is_ok=False))
def test_a_case_is_refused_with_code_and_place(team, warehouse, expected):
    with pytest.raises(ImportRefused) as refused:
        import_case(expected, team)
    issues = refused.value.issues
    assert {issue.code for issue in issues} <= set(expected["import"]["acceptable_codes"])
    assert [issue.locator for issue in issues] == [expected["import"]["locator"]]
    assert not Workflow.objects.exists()


@pytest.mark.parametrize("expected", cases(is_ok=False))
def test_a_refusal_says_what_to_do_and_nothing_of_the_parser(team, warehouse, expected):
    with pytest.raises(ImportRefused) as refused:
        import_case(expected, team)
    for issue in refused.value.issues:
        assert re.search(r"[;:] |, one for each side", issue.message)
        assert not re.search("sqlglot|<class|keyword", issue.message)


def test_the_employees_sample_is_imported_exactly(team, warehouse):
    expected = json.loads((CORPUS / "02_employees_salary_gt_70000.expected.json").read_text())
    workflow = import_case(expected, team).workflow
    assert str(workflow.pk) == "dab94e95-1822-5942-bba5-5fc68c4a672f"
    place = {"connection": "warehouse", "schema": "public"}
    columns = ["employee_id", "first_name", "last_name"]
    assert list(workflow.nodes.values_list("key", "kind", "config")) == [
        (
            "source_node",
            "database_source",
            {**place, "table": "girish_groupby_src", "filter": "employee_id > 0"},
        ),
        ("filter_node", "filter", {"condition": "salary > 70000"}),
        (
            "target_node",
            "database_target",
            {
                **place,
                "table": "girish_groupby_tgt",
                "mode": "replace",
                "columns": [{"column": name, "target": name} for name in columns],
            },
        ),
    ]


def test_real_exports_are_read_to_their_end(team):
    """Each gives a definition, or only findings about what has no kind or connection yet."""
    from workflows.services.importing.legacy.connections import Connections
    from workflows.services.importing.legacy.translate import translate

    known = {"E_UNKNOWN_CONNECTION", "E_UNKNOWN_CONNECTOR", "E_NOT_SUPPORTED", "E_EXPRESSION"}
    lines = (CORPUS / "exports.jsonl").read_text().splitlines()
    codes = {
        issue.code
        for line in lines
        for issue in translate(json.loads(line), Connections.of(team)).findings.errors
    }
    assert len(lines) == 98
    assert codes <= known
