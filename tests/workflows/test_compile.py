from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from factories import definition

from engine.errors import AccessDenied, ConnectorError, TableNotFound, Unreachable
from engine.registry import kinds
from engine.schema import Column, Schema
from engine.transfer import Extraction, TableName
from workflows.compile import Compilation, ConnectionFacts, compile_workflow
from workflows.definition import Definition

ORDERS = Schema.of([("id", "INTEGER"), ("amount", "DECIMAL(10,2)")])
SHOP = ConnectionFacts("postgresql", {"host": "db", "database": "shop", "user": "etl"}, revision=3)


@dataclass
class Tables:
    """A catalog on a dict; a table whose entry is an error raises it."""

    tables: Mapping[str, Schema | ConnectorError] = field(
        default_factory=lambda: {"orders": ORDERS, "archive": ORDERS}
    )

    def columns(self, connection: str, extraction: Extraction) -> Schema:
        return self._find(extraction.table.table if extraction.table else extraction.sql)

    def target_columns(self, connection: str, table: TableName) -> Sequence[Column]:
        return self._find(table.table).columns

    def _find(self, name: str) -> Schema:
        found = self.tables[name]
        if isinstance(found, ConnectorError):
            raise found
        return found


def compiled(given: Definition | None = None, **changes) -> Compilation:
    arguments = {"connections": {"shop": SHOP}, "catalog": Tables(), "kinds": kinds(), **changes}
    return compile_workflow(given or definition(), workflow_id="w", version=7, **arguments)


def findings(compilation: Compilation) -> list[tuple[str, str, str]]:
    return [(issue.code, issue.node, issue.field) for issue in compilation.issues]


def with_condition(condition: str, **overrides) -> Definition:
    nodes = [node.model_dump() for node in definition().nodes]
    nodes[1]["config"] = {"condition": condition}
    return definition(nodes=nodes, **overrides)


def test_a_sound_workflow_becomes_a_plan():
    plan = compiled().plan
    assert [step.key for step in plan.steps] == ["read", "keep0", "write"]
    assert plan.steps[1].inputs[0].step == "read"
    assert (plan.workflow_version, plan.connections["shop"].revision) == (7, 3)
    assert plan.connections["shop"].sealed == ""


def test_every_node_gets_its_columns():
    schemas = compiled().schemas
    assert schemas["keep0"].as_json() == ORDERS.as_json()


def test_equal_definitions_make_equal_plans():
    assert compiled().plan.fingerprint() == compiled().plan.fingerprint()
    assert compiled(definition(2)).plan.fingerprint() != compiled().plan.fingerprint()


def test_settings_carry_their_defaults():
    assert compiled().plan.steps[0].config["columns"] == []
    assert compiled().plan.steps[0].config["schema"] == "public"


def test_a_missing_connection_suggests_the_nearest_and_names_its_field():
    compilation = compiled(connections={"shopp": SHOP})
    assert findings(compilation) == [
        ("connection_missing", "read", "connection"),
        ("connection_missing", "write", "connection"),
    ]
    assert "did you mean 'shopp'?" in compilation.issues[0].message


def test_a_connection_that_cannot_be_used_says_why():
    broken = ConnectionFacts("postgresql", {}, problems=("'host': field required",))
    compilation = compiled(connections={"shop": broken})
    assert compilation.plan is None
    assert "'host': field required" in compilation.issues[0].message


def test_a_missing_table_is_a_warning_and_nothing_after_it_is_complained_about():
    gone = TableNotFound("table 'orders' is not there")
    compilation = compiled(
        with_condition("nonsense > 1"), catalog=Tables({"orders": gone, "archive": ORDERS})
    )
    assert findings(compilation) == [("table_not_found", "read", "table")]
    assert compilation.plan is not None
    assert compilation.schemas["keep0"] is None


def test_a_missing_table_that_the_target_creates_is_no_finding():
    nodes = [node.model_dump() for node in definition().nodes]
    nodes[2]["config"]["create_table"] = True
    tables = Tables({"orders": ORDERS, "archive": TableNotFound("table 'archive' is not there")})
    assert findings(compiled(definition(nodes=nodes), catalog=tables)) == []


def test_what_keeps_a_database_from_answering_is_told_apart():
    errors = {
        "access_denied": AccessDenied("password authentication failed for user 'etl'"),
        "catalog_unavailable": Unreachable("nothing answers at db:5432"),
    }
    for code, error in errors.items():
        compilation = compiled(catalog=Tables({"orders": error, "archive": error}))
        assert {(i.code, i.field, i.message) for i in compilation.issues} == {
            (code, "connection", error.message)
        }
        assert compilation.plan is not None


def test_a_column_that_the_table_lacks_is_an_error():
    lacking = ConnectorError("unknown column 'x'", code="E_COLUMN_NOT_FOUND")
    compilation = compiled(catalog=Tables({"orders": lacking, "archive": ORDERS}))
    assert findings(compilation) == [("unknown_column", "read", "columns")]
    assert compilation.plan is None


def test_an_unknown_column_is_an_error_at_the_node():
    compilation = compiled(with_condition("amont > 1"))
    assert compilation.plan is None
    (issue,) = compilation.errors
    assert (issue.node, issue.field) == ("keep0", "condition")
    assert "amount" in issue.message


def test_an_unknown_kind_hides_nothing_else():
    nodes = [node.model_dump() for node in definition(2).nodes]
    nodes[1]["kind"] = "filtre"
    nodes[2]["config"] = {"conditon": "x"}
    codes = {code for code, _, _ in findings(compiled(definition(2, nodes=nodes)))}
    assert codes == {"unknown_kind", "setting_unknown", "setting_missing"}


def test_a_cycle_and_a_bad_setting_are_reported_together():
    edges = [("keep0", "keep1"), ("keep1", "keep0"), ("read", "write")]
    nodes = [node.model_dump() for node in definition(2).nodes]
    nodes[0]["config"] = {"connection": "shop"}
    given = definition(2, nodes=nodes, dependencies=[{"source": a, "target": b} for a, b in edges])
    codes = {code for code, _, _ in findings(compiled(given))}
    assert "cycle" in codes
    assert "setting_invalid" in codes


def test_an_empty_workflow_says_so():
    assert findings(compiled(Definition(name="x"))) == [("empty", "", "")]


def test_a_parameter_that_is_no_scalar_is_named():
    issue = compiled(definition(parameters={"limit": [1]})).errors[0]
    assert (issue.code, issue.field) == ("parameter_invalid", "parameters.limit")
    assert "list" in issue.message


def test_parameters_may_be_used_in_expressions():
    given = with_condition("amount > $limit", parameters={"limit": 5})
    assert compiled(given).plan.parameters == {"limit": 5}


def test_a_plan_that_is_too_large_says_how_large_it_may_be():
    compilation = compiled(definition(parameters={"text": "x" * 480_000}))
    assert compilation.plan is None
    (issue,) = compilation.issues
    assert issue.code == "plan_too_large"
    assert "the plan is 481 KB; at most 472 KB" in issue.message


def test_requirements_are_counted_by_role():
    requirements = compiled(
        definition(4, needs_high_memory=True, estimated_rows=9, preferred_pool="etl-pool")
    ).requirements
    counts = (requirements.nodes, requirements.database_nodes, requirements.transforms)
    assert counts == (6, 2, 4)
    assert (requirements.needs_high_memory, requirements.estimated_rows) == (True, 9)
    assert requirements.preferred_pool == "etl-pool"


def test_errors_come_first_and_then_the_order_of_the_nodes():
    gone = TableNotFound("gone")
    nodes = [node.model_dump() for node in definition(2).nodes]
    nodes[2]["config"] = {}
    compilation = compiled(
        definition(2, nodes=nodes), catalog=Tables({"orders": gone, "archive": gone})
    )
    assert [node for _, node, _ in findings(compilation)] == ["keep1", "read", "write"]


def test_a_thousand_nodes_compile():
    plan = compiled(definition(998)).plan
    assert plan is not None
    assert len(plan.steps) == 1_000


@pytest.mark.parametrize("lacks", ["reads_incrementally", "keeps_watermarks"])
def test_an_incremental_source_needs_ends_that_can(lacks):
    nodes = [node.model_dump() for node in definition().nodes]
    nodes[0]["config"]["incremental"] = {"column": "amount"}
    given = definition(nodes=nodes)
    assert compiled(given).errors == ()
    found = compiled(given, connections={"shop": replace(SHOP, **{lacks: False})})
    assert ("not_incremental", "read", "incremental") in findings(found)
