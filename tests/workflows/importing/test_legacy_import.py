from __future__ import annotations

import json
import socket
import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from payloads import CONNECTOR_ID, mapped, payload, source, target, transform

from workflows.models import Connection, Team, Workflow
from workflows.services.importing.legacy import (
    AlreadyThere,
    ImportRefused,
    Mode,
    NotThereToUpdate,
    import_payload,
)

CHAIN = {"s": [], "f": ["s"], "t": ["f"]}


def chain(middle: dict[str, Any], mapping: list[dict[str, Any]] | None = None, **more: Any) -> Any:
    return payload({"s": source(), "f": middle, "t": target(mapping=mapping)}, CHAIN, **more)


def configs(workflow: Workflow) -> dict[str, Any]:
    return dict(workflow.nodes.values_list("key", "config"))


def refusals(team: Team, given: Any, **options: Any) -> list[Any]:
    with pytest.raises(ImportRefused) as refused:
        import_payload(given, team=team, **options)
    assert not Workflow.objects.exists()
    return refused.value.issues


@pytest.fixture(autouse=True)
def _warehouse(warehouse: Connection) -> None:
    """Every payload here reads and writes it."""


def test_id_and_name_stay_and_unknown_keys_are_kept(team):
    given = chain(transform("filter", {"price": "price > 3"}), notifyEmail=["a@b.c"], color=1)
    workflow = import_payload(given, team=team).workflow
    assert (str(workflow.pk), workflow.name) == (given["workflow_id"], "Toys > 3")
    assert workflow.slug == "toys-3"
    assert workflow.legacy["notifyEmail"] == ["a@b.c"] and workflow.legacy["color"] == 1


def test_a_second_import_needs_an_explicit_mode(team):
    given = chain(transform("filter", {"price": "price > 3"}))
    import_payload(given, team=team)
    with pytest.raises(AlreadyThere, match="mode=update"):
        import_payload(given, team=team)
    import_payload({**given, "workflow_name": "Renamed"}, team=team, mode=Mode.UPDATE)
    assert Workflow.objects.get().name == "Renamed"
    import_payload(given, team=team, mode=Mode.COPY)
    assert Workflow.objects.count() == 2


def test_update_finds_workflows_of_the_team_only(team):
    given = chain(transform("filter", {"price": "price > 3"}))
    import_payload(given, team=team)
    other = Team.objects.create(name="Other", slug="other")
    Connection.objects.create(team=other, name="W", slug="w", options={"database": "neondb"})
    with pytest.raises(NotThereToUpdate):
        import_payload(given, team=other, mode=Mode.UPDATE)


def test_all_problems_are_reported_together(team):
    nodes = {
        "s": source(table=""),
        "f": transform("filter", {"price": "price >"}),
        "g": transform("pivot", {}),
        "t": target(),
    }
    edges = {"f": ["s"], "g": ["f"], "t": ["g", "nobody"]}
    issues = refusals(team, payload(nodes, edges), schedule="daily")
    assert {issue.code for issue in issues} == {
        "E_SCHEDULE",
        "E_UNKNOWN_PARENT",
        "E_MISSING_TABLE",
        "E_EXPRESSION",
        "E_UNKNOWN_CONNECTOR",
    }


def test_a_text_that_ends_early_is_said_to(team):
    given = chain(transform("filter", {"price": "price > 3"}))
    given["connectionInformation_v1"] = given["connectionInformation_v1"][:200]
    [issue] = refusals(team, given)
    assert issue.code == "E_JSON"
    assert "ends early, after 200 characters" in issue.message


def test_a_node_given_twice_is_seen(team):
    node = json.dumps(source())
    given = payload({}, {}) | {"connectionInformation_v1": f'{{"a": {node}, "a": {node}}}'}
    [issue] = refusals(team, given)
    assert (issue.code, issue.node) == ("E_DUPLICATE_NODE", "a")


@pytest.mark.parametrize(
    ("more", "code", "key"),
    [
        ({"dependencies": [["s", "f"]]}, "E_SCHEMA", "dependencies"),
        ({"dependencies": {"f": "s"}}, "E_SCHEMA", "dependencies.f"),
        ({"connectionInformation_v1": "[1]"}, "E_SCHEMA", "connectionInformation_v1"),
        ({"workflow_id": "42"}, "E_SCHEMA", None),
        ({"connectionInformation_v1": {}}, "E_EMPTY", "connectionInformation_v1"),
    ],
)
def test_a_wrong_shape_is_named(team, more, code, key):
    [issue, *_] = refusals(team, chain(transform("filter", {"price": "price > 3"})) | more)
    assert issue.code == code
    assert issue.locator.get("key") == key


def test_a_self_loop_is_a_cycle(team):
    nodes = {"s": source(), "f": transform("filter", {"a": "a > 1"}), "t": target()}
    [issue] = refusals(team, payload(nodes, {"f": ["s", "f"], "t": ["f"]}))
    assert (issue.code, issue.locator) == ("E_CYCLE", {"nodes": ["f"]})


def test_loose_ends_are_named(team):
    nodes = {"s": source(), "f": transform("filter", {"a": "a > 1"}), "t": target()}
    [issue] = refusals(team, payload(nodes, {"f": ["s"]}))
    assert (issue.code, issue.locator) == ("E_UNCONNECTED", {"nodes": ["f", "t"]})


def test_a_database_in_the_middle_is_loaded_and_read_again(team, warehouse):
    nodes = {"a": source(), "b": target("mid", sequence=2), "c": target("end", sequence=3)}
    workflow = import_payload(payload(nodes, {"b": ["a"], "c": ["b"]}), team=team).workflow
    kinds = dict(workflow.nodes.values_list("key", "kind"))
    assert kinds == {
        "a": "database_source",
        "b": "database_target",
        "b__read": "database_source",
        "c": "database_target",
    }
    edges = workflow.dependencies.values_list("source__key", "target__key", "target_port")
    assert set(edges) == {("a", "b", "in"), ("b", "b__read", "after"), ("b__read", "c", "in")}
    assert configs(workflow)["b__read"]["table"] == "mid"


def test_an_unknown_connector_id_can_be_mapped(team, warehouse):
    given = payload({"s": {**source(), "connector_id": "far"}, "t": target()}, {"t": ["s"]})
    [issue] = refusals(team, given)
    assert (issue.code, issue.node) == ("E_UNKNOWN_CONNECTION", "s")
    workflow = import_payload(given, team=team, connections={"far": "warehouse"}).workflow
    assert configs(workflow)["s"]["connection"] == "warehouse"


def test_another_teams_connector_id_is_unknown(team, warehouse):
    other = Team.objects.create(name="Other", slug="other")
    given = payload({"s": {**source(), "connector_id": CONNECTOR_ID}, "t": target()}, {"t": ["s"]})
    assert {issue.code for issue in refusals(other, given)} == {"E_UNKNOWN_CONNECTION"}


def test_collections_of_mongodb_are_read_and_written(team):
    read = {**source(columns=["sku"]), "connector_type": "MongoDB"}
    load = {**target(mapping=mapped("sku:code")), "connector_type": "mongo"}
    workflow = import_payload(payload({"s": read, "t": load}, {"t": ["s"]}), team=team).workflow
    assert dict(workflow.nodes.values_list("key", "kind")) == {
        "s": "mongodb_source",
        "t": "mongodb_target",
    }
    assert configs(workflow)["s"] == {
        "connection": "warehouse",
        "collection": "toys",
        "fields": [{"path": "sku"}],
    }
    assert configs(workflow)["t"] == {
        "connection": "warehouse",
        "collection": "sold",
        "mode": "replace",
        "columns": [{"column": "sku", "target": "code"}],
    }


def test_a_query_of_mongodb_is_refused(team):
    read = {**source(sql="select 1"), "connector_type": "mongodb"}
    [issue] = refusals(team, payload({"s": read, "t": target()}, {"t": ["s"]}))
    assert (issue.code, issue.node) == ("E_NOT_SUPPORTED", "s")


def test_two_connections_to_the_same_database_must_be_told_apart(team):
    Connection.objects.create(team=team, name="B", slug="b", options={"database": "neondb"})
    given = payload({"s": source(), "t": target()}, {"t": ["s"]})
    assert "several connections fit 'neondb'" in refusals(team, given)[0].message


def test_the_export_shape_wins_over_the_stale_list(team):
    middle = transform("filter", {"price": "price > 3"})
    middle["transformations"]["transformations"] = [
        {"name": "price", "expression": {"value": "price > 99"}}
    ]
    imported = import_payload(chain(middle, mapped("price")), team=team)
    assert configs(imported.workflow)["f"] == {"condition": "price > 3"}
    assert [issue.code for issue in imported.warnings] == ["W_STALE_MAPPING"]


def test_conditions_of_several_columns_must_all_hold(team):
    middle = transform("filter", {"a": "a > 1 or b > 2", "b": "", "c": "c == 'x'"})
    workflow = import_payload(chain(middle, mapped("a")), team=team).workflow
    assert configs(workflow)["f"] == {"condition": "(a > 1 OR b > 2) AND (c = 'x')"}


def test_a_projection_that_somebody_would_miss_becomes_a_node(team):
    middle = transform("filter", {"a": "a > 1", "b": ""})
    workflow = import_payload(chain(middle), team=team).workflow
    assert configs(workflow)["f__select"] == {"columns": [{"name": "a"}, {"name": "b"}]}
    edges = workflow.dependencies.values_list("source__key", "target__key")
    assert sorted(edges) == [("f", "f__select"), ("f__select", "t"), ("s", "f")]


def test_a_projection_that_renames_becomes_a_node(team):
    middle = transform("filter", {"a": "a > 1"}, mapped("a:amount"), is_export=False)
    workflow = import_payload(chain(middle, mapped("amount")), team=team).workflow
    assert configs(workflow)["f__select"] == {"columns": [{"name": "a", "rename": "amount"}]}


def test_a_projection_that_the_target_repeats_is_left_out(team):
    middle = transform("filter", {"a": "a > 1", "b": ""})
    workflow = import_payload(chain(middle, mapped("b")), team=team).workflow
    assert workflow.nodes.count() == 3


def test_expressions_replace_their_columns(team):
    middle = transform("expression", {"a": "Upper(a)", "b": "", "c": "IF(c > 1, 'x', \"y\")"})
    workflow = import_payload(chain(middle, mapped("a", "c")), team=team).workflow
    assert configs(workflow)["f"]["columns"] == [
        {"name": "a", "expression": "UPPER(a)"},
        {"name": "c", "expression": "CASE WHEN c > 1 THEN 'x' ELSE 'y' END"},
    ]


def test_selectcolumns_becomes_a_select(team):
    middle = transform("selectcolumns", {"b": "", "a": ""})
    workflow = import_payload(chain(middle), team=team).workflow
    assert configs(workflow)["f"] == {"columns": [{"name": "b"}, {"name": "a"}]}


def test_an_aggregate_wins_over_the_group_flag(team):
    middle = transform("group", {"shop": "", "price": "Mean(price)", "id": 'Count("id")\xa0'})
    for column in middle["transformations"]["source"]["columns"]:
        column["groupBy"] = column["name"] != "id"
    imported = import_payload(chain(middle), team=team)
    assert configs(imported.workflow)["f"] == {
        "group_by": ["shop"],
        "aggregates": [
            {"name": "price", "function": "avg", "column": "price"},
            {"name": "id", "function": "count", "column": "id"},
        ],
    }
    assert [issue.code for issue in imported.warnings] == ["W_GROUP_FLAG_IGNORED"]


@pytest.mark.parametrize("expression", ["Sum(a) + 1", "Median(a)", "Sum(*)", "Sum(a, b)", "a"])
def test_a_group_takes_aggregates_of_one_column(team, expression):
    [issue] = refusals(team, chain(transform("group", {"a": expression})))
    assert (issue.code, issue.field) == ("E_EXPRESSION", "a")


def test_a_column_of_a_group_is_a_key_or_aggregated(team):
    [issue] = refusals(team, chain(transform("group", {"a": "Sum(a)", "b": ""})))
    assert (issue.code, issue.field) == ("E_SCHEMA", "b")


def test_a_sorter_sorts_by_its_marked_columns(team):
    middle = transform("sorter", {"a": "", "b": "", "c": ""})
    first, _, last = middle["transformations"]["source"]["columns"]
    first["sorterSelected"] = last["sorterSelected"] = True
    last["direction"] = "desc"
    workflow = import_payload(chain(middle), team=team).workflow
    assert configs(workflow)["f"]["order_by"] == [
        {"column": "a", "direction": "asc"},
        {"column": "c", "direction": "desc"},
    ]


def test_a_sorter_without_a_column_is_refused(team):
    [issue] = refusals(team, chain(transform("sorter", {"a": ""})))
    assert "sorts by no column" in issue.message


def condition(column: str, name: str, value: str, type_: str) -> dict[str, str]:
    return {"inputField": column, "condition": name, "value": value, "dataType": type_}


def test_an_if_transform_becomes_a_filter(team):
    middle = transform("if_transform", {"a": "", "b": ""})
    middle["transformations"] |= {
        "conditions": [
            condition("a", "greater_than", "30000", "integer"),
            condition("b", "equals", "it's", "text"),
        ],
        "logicOperator": "or",
    }
    workflow = import_payload(chain(middle), team=team).workflow
    assert configs(workflow)["f"] == {"condition": "(\"a\" > 30000) OR (\"b\" = 'it''s')"}


@pytest.mark.parametrize("value", ["1 or 1=1", "", "x"])
def test_a_value_of_an_if_transform_fits_its_type(team, value):
    middle = transform("if_transform", {"a": ""})
    middle["transformations"]["conditions"] = [condition("a", "less_than", value, "integer")]
    [issue] = refusals(team, chain(middle))
    assert issue.code == "E_EXPRESSION"


def test_markup_is_discarded_with_a_warning(team):
    middle = transform("filter", {"a": "a > 1"})
    column = middle["transformations"]["source"]["columns"][0]
    column["expression"]["html"] = "<b onclick=x>a &gt; 1</b>"
    imported = import_payload(chain(middle, mapped("a")), team=team)
    assert [issue.code for issue in imported.warnings] == ["W_HTML_DISCARDED"]
    assert "onclick" not in json.dumps(list(configs(imported.workflow).values()))


@pytest.mark.parametrize(
    ("details", "config"),
    [
        ({"filter": "WHERE  a < 3"}, {"filter": "a < 3"}),
        ({"filter": "a < 3"}, {"filter": "a < 3"}),
        ({"sql": " ; "}, {}),
    ],
)
def test_what_a_source_reads(team, details, config):
    given = payload({"s": source(**details), "t": target()}, {"t": ["s"]})
    place = {"connection": "warehouse", "schema": "public", "table": "toys"}
    assert configs(import_payload(given, team=team).workflow)["s"] == place | config


def test_sql_wins_over_filter(team):
    given = payload(
        {"s": source(sql="select 1 as a;", filter="a > 1"), "t": target()}, {"t": ["s"]}
    )
    imported = import_payload(given, team=team)
    assert configs(imported.workflow)["s"] == {"connection": "warehouse", "sql": "select 1 as a"}
    assert [issue.code for issue in imported.warnings] == ["W_FILTER_IGNORED"]


@pytest.mark.parametrize(
    "sql",
    [
        "select 1; drop table toys",
        "delete from toys",
        "with gone as (delete from toys returning *) select * from gone",
        "select * into copy from toys",
        "copy toys to program 'sh'",
        "select * from toys for update",
        "not sql at all",
    ],
)
def test_sql_that_does_more_than_read_is_refused(team, sql):
    given = payload({"s": source(sql=sql), "t": target()}, {"t": ["s"]})
    [issue] = refusals(team, given)
    assert (issue.code, issue.locator) == (
        "E_SQL_NOT_READONLY",
        {"node": "s", "key": "dbDetails.sql"},
    )


def test_a_name_that_no_database_takes_is_refused(team):
    given = payload({"s": source(table="x" * 64), "t": target()}, {"t": ["s"]})
    [issue] = refusals(team, given)
    assert (issue.code, issue.field) == ("E_IDENTIFIER", "dbDetails.table")


def test_unmapped_and_deselected_fields_are_not_loaded(team):
    mapping = [*mapped("a"), *mapped("b", selected=False), {"name": "c", "target": ""}]
    given = payload({"s": source(), "t": target(mapping=mapping)}, {"t": ["s"]})
    columns = configs(import_payload(given, team=team).workflow)["t"]["columns"]
    assert columns == [{"column": "a", "target": "a"}]


def test_a_mapping_that_maps_nothing_does_not_load_everything(team):
    mapping = mapped("a", selected=False)
    given = payload({"s": source(), "t": target(mapping=mapping)}, {"t": ["s"]})
    assert "no column of" in refusals(team, given)[0].message


@pytest.mark.parametrize(
    ("schedule", "seconds"), [("interval:30", 1800), ("interval:1", 60), ("cron:0 2 * * *", None)]
)
def test_a_schedule_given_beside_the_payload(team, schedule, seconds):
    given = chain(transform("filter", {"a": "a > 1"}), mapped("a"))
    row = import_payload(given, team=team, schedule=schedule).workflow.schedules.get()
    assert (row.interval.total_seconds() if row.interval else None) == seconds


@pytest.mark.parametrize(
    "schedule",
    ["0 2 * * *", "cron:61 * * * *", "cron:* * * *", "interval:0", "interval:-5", "interval:1.5",
     "interval:", "hourly"],
)  # fmt: skip
def test_a_schedule_that_is_not_understood_is_refused(team, schedule):
    given = chain(transform("filter", {"a": "a > 1"}), mapped("a"))
    [issue] = refusals(team, given, schedule=schedule)
    assert (issue.code, issue.locator) == ("E_SCHEDULE", {"argument": "schedule"})


def test_an_export_without_ids_gets_the_same_id_each_time(team):
    nodes = {"s": source(sequence=1), "t": target(sequence=2)}
    given = {"workflow_name": "N=", "connectionInformation_v1": json.dumps(nodes)}
    imported = import_payload(given, team=team)
    assert [issue.code for issue in imported.warnings] == ["W_DEPENDENCIES_INFERRED"]
    assert imported.graph.edges == [("s", "t")]
    with pytest.raises(AlreadyThere):
        import_payload(given, team=team)


def test_importing_connects_to_nothing(team, warehouse):
    # Drivers in C do not connect by Python's sockets: who listens sees them all.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host, port = listening.getsockname()
        warehouse.options |= {"host": host, "port": port, "user": "reader"}
        warehouse.save()
        import_payload(chain(transform("filter", {"a": "a > 1"}), mapped("a")), team=team)
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()


@pytest.fixture
def export(tmp_path: Any) -> Any:
    """A function that writes payloads to a file, one per line for .jsonl."""

    def write(name: str, *payloads: Any) -> Any:
        path = tmp_path / name
        path.write_text("\n".join(json.dumps(given) for given in payloads))
        return path

    return write


def test_the_command_imports_files_of_both_forms(team, export):
    given = chain(transform("filter", {"a": "a > 1"}), mapped("a"))
    lines = [{**given, "workflow_id": str(uuid.uuid4())} for _ in range(2)]
    printed = StringIO()
    call_command(
        "import_workflows", export("a.json", given), export("b.jsonl", *lines),
        team="shop", schedule="interval:5", stdout=printed,
    )  # fmt: skip
    assert "3 imported, 0 failed" in printed.getvalue()
    assert Workflow.objects.filter(schedules__isnull=False).count() == 3


def test_the_command_says_what_failed_and_imports_the_rest(team, export):
    given = chain(transform("filter", {"a": "a > 1"}), mapped("a"))
    path = export("b.jsonl", {**given, "job_id": ""}, given)
    printed = StringIO()
    with pytest.raises(CommandError, match="1 of 2 payloads"):
        call_command("import_workflows", path, team="shop", stdout=printed)
    assert "b.jsonl:1: E_SCHEMA" in printed.getvalue()
    assert Workflow.objects.count() == 1


def test_the_command_maps_connections(team, export):
    given = payload({"s": {**source(), "connector_id": "far"}, "t": target()}, {"t": ["s"]})
    call_command(
        "import_workflows", export("a.json", given), team="shop", connection=["far=warehouse"],
        stdout=StringIO(),
    )  # fmt: skip
    assert Workflow.objects.count() == 1
