"""What holds for every kind that is registered, in a run of its own.

A kind that is registered and has no row here fails: the settings are its own example, or
those of a node that uses a connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from benches import BENCHES, Bench
from exchange import Exchange
from pipelines import plan

from engine.columns.binding import bind
from engine.graph import parse_configs
from engine.interpreter import run
from engine.kind import AnyKind
from engine.plan import Input, PlanConnection, Step
from engine.registry import kinds
from engine.schema import Schema

#: What goes in at each port: columns with their types, and a value of each.
Columns = dict[str, tuple[str, Any]]
NUMBER, TEXT, MONEY = ("integer", 1), ("varchar", "a"), ("decimal(9,2)", "150.00")
INPUTS: dict[str, list[Columns]] = {
    "aggregate": [{"country": TEXT, "amount": MONEY}],
    "assert": [{"id": NUMBER, "total": MONEY}],
    "branch": [{"total": MONEY}],
    "deduplicate": [{"customer_id": NUMBER, "changed_at": ("timestamp", "2024-02-29 12:00:00")}],
    "expression": [{"net": MONEY}],
    "filter": [{"total": MONEY, "status": ("varchar", "paid")}],
    "inline_source": [],
    "join": [{"customer_id": NUMBER, "total": MONEY}, {"id": NUMBER, "name": TEXT}],
    "lookup": [{"customer_id": NUMBER}, {"id": NUMBER, "name": TEXT}],
    "pivot": [{"shop": TEXT, "month": NUMBER, "amount": MONEY}],
    "python": [{"id": ("bigint", 1)}],
    "select": [{"id": NUMBER, "total": MONEY}],
    "sort": [{"total": MONEY, "id": NUMBER}],
    "sql": [{"customer_id": NUMBER, "total": MONEY}, {"id": NUMBER, "country": TEXT}],
    "union": [{"id": NUMBER, "total": MONEY}, {"id": NUMBER, "total": MONEY}],
    "unpivot": [{"january": MONEY, "february": MONEY}],
    "window": [
        {"account": TEXT, "booked_at": ("date", "2024-02-29"), "id": NUMBER, "amount": MONEY},
    ],
}  # fmt: skip
#: A connector that reaches what kinds with connections ask for, by medium.
REACHED = {"database": "postgresql", "documents": "mongodb", "files": "files", "http": "http"}


@pytest.fixture(params=sorted(kinds()))
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AnyKind:
    monkeypatch.setenv("FLOWADMIN_ALLOW_PYTHON", "true")
    return kinds()[request.param]


@pytest.fixture
def bench(kind: AnyKind, exchange: Exchange, request: pytest.FixtureRequest) -> Bench | None:
    """What a kind with a connection is tried on."""
    if "connection" not in kind.Config.model_fields:
        return None
    slug = REACHED[kind.medium]
    return BENCHES[slug](slug, request)


def listed(key: str, columns: Columns) -> Step:
    config = {
        "columns": [{"name": name, "type": type_} for name, (type_, _) in columns.items()],
        "rows": [[value for _, value in columns.values()]],
    }
    return Step(key=key, name=key, kind="inline_source", config=config)


def written(step: str, port: str) -> Step:
    """A target for what leaves a port, in a file of the port's name."""
    config = {"connection": "exchange", "path": f"{port}.parquet", "format": "parquet"}
    edges = (Input(port="in", step=step, output=port),)
    key = f"write {port}"
    return Step(key=key, name=key, kind="file_target", config=config, inputs=edges)


def connections(bench: Bench | None, exchange: Exchange) -> dict[str, PlanConnection]:
    files = PlanConnection(connector="files", options={"root": str(exchange.root)})
    return {"exchange": files, **({"bench": bench.connection()} if bench else {})}


def node(kind: AnyKind, bench: Bench | None) -> list[Step]:
    """The node, called ``node`` or ``read``, after the nodes that feed it."""
    if bench:
        bench.put("s", [(1, "a"), (2, None)])
        return [bench.read("s")]
    assert kind.slug in INPUTS, f"kind '{kind.slug}' has no row: name what its example reads"
    config = kind.Config.model_validate(kind.example)
    ports = dict(zip(kind.input_ports(config), INPUTS[kind.slug], strict=True))
    edges = tuple(Input(port=port, step=f"input {port}") for port in ports)
    own = Step(key="node", name="node", kind=kind.slug, config=kind.example, inputs=edges)
    return [*(listed(f"input {port}", columns) for port, columns in ports.items()), own]


def described(steps: list[Step], bench: Bench | None) -> Schema:
    """What binding says of the last step."""
    known: dict[str, Schema | None] = {}
    if bench:
        known["read"] = bench.connector.describe(bench.config(), bench.extraction("s"))
    bound = bind(steps, known, kinds(), {}, {})
    assert bound.issues == []
    schema = bound.schemas[steps[-1].key]
    assert schema is not None
    return schema


def test_what_leaves_it_is_what_was_described(
    kind: AnyKind, bench: Bench | None, exchange: Exchange
) -> None:
    if kind.role == "target":
        assert kind.outputs == ()
        return
    steps = node(kind, bench)
    expected = [(column.name, in_parquet(column.type)) for column in described(steps, bench)]
    ports = kind.output_ports(kind.Config.model_validate(steps[-1].config))
    targets = [written(steps[-1].key, port) for port in ports]
    made = plan([*steps, *targets], connections(bench, exchange))
    run(made, run_id="r", secrets=lambda connection: {}).raise_failure()
    for port in ports:
        out = duckdb.sql(f"FROM '{exchange.root}/{port}.parquet'")
        assert list(zip(out.columns, map(str, out.types), strict=True)) == expected


def in_parquet(type_: str) -> str:
    """As file targets write it."""
    return "DECIMAL(38,0)" if type_ == "HUGEINT" else type_


def test_what_arrives_at_a_target_is_what_it_holds(
    kind: AnyKind, bench: Bench | None, exchange: Exchange
) -> None:
    if kind.role != "target":
        assert kind.output_ports(kind.Config.model_validate(kind.example))
        return
    assert bench and bench.held
    bench.empty("t")
    rows = listed("rows", {"id": ("integer", 7), "v": ("varchar", "ž 🐎")})
    made = plan([rows, bench.write("t", bench.modes[0])], connections(bench, exchange))
    run(made, run_id="r", secrets=lambda connection: {}).raise_failure()
    assert bench.held("t") == [(7, "ž 🐎")]


def settings(kind: AnyKind) -> Iterator[str]:
    yield from kind.Config.model_json_schema()["properties"]


def issues(kind: AnyKind, config: dict[str, Any]) -> list[tuple[str, str]]:
    step = Step(key="node", name="node", kind=kind.slug, config=config)
    return [(issue.code, issue.field) for issue in parse_configs([step], kinds())[1]]


def test_a_value_that_cannot_be_used_is_named_by_its_setting(kind: AnyKind) -> None:
    for name in settings(kind):
        found = issues(kind, {**kind.example, name: {"wrong": {"deep": [1]}}})
        assert found
        assert {field.split(".")[0] for _, field in found} == {name}


def test_a_setting_that_is_missing_is_named(kind: AnyKind) -> None:
    for name in kind.Config.model_json_schema().get("required", ()):
        config = {key: value for key, value in kind.example.items() if key != name}
        assert issues(kind, config) == [("setting_missing", name)]
