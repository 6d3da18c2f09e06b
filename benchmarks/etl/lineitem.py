"""TPC-H-like order lines, what is made of them, and whether it came out right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.etl.server import Server
from engine.plan import Input, Plan, PlanConnection, Step

#: Column → (type, value of line ``i``); evenly spread, the same every time.
COLUMNS = {
    "l_orderkey": ("bigint", "i / 4 + 1"),
    "l_partkey": ("bigint", "i * 7919 % 200000 + 1"),
    "l_suppkey": ("bigint", "i * 104729 % 10000 + 1"),
    "l_linenumber": ("integer", "i % 4 + 1"),
    "l_quantity": ("numeric(15,2)", "i * 31 % 50 + 1"),
    "l_extendedprice": ("numeric(15,2)", "(i * 7907 % 10400000)::numeric / 100 + 900"),
    "l_discount": ("numeric(15,2)", "(i * 17 % 11)::numeric / 100"),
    "l_returnflag": ("char(1)", "substr('ANR', (i % 3)::int + 1, 1)"),
    "l_shipdate": ("date", "date '1992-01-02' + (i * 13 % 2526)::int"),
    "l_shipmode": (
        "varchar(10)",
        "(array['AIR', 'FOB', 'MAIL', 'RAIL', 'REG AIR', 'SHIP', 'TRUCK'])[i % 7 + 1]",
    ),
    "l_comment": ("varchar(44)", "left(md5(i::text) || md5((i * 3)::text), 10 + (i % 34)::int)"),
}
#: What the target calls the columns, in its order; the last two are computed.
RENAMED = {
    "order_key": "l_orderkey",
    "part_key": "l_partkey",
    "supplier_key": "l_suppkey",
    "line_number": "l_linenumber",
    "quantity": "l_quantity",
    "extended_price": "l_extendedprice",
    "discount": "l_discount",
    "ship_date": "l_shipdate",
    "comment": "l_comment",
    "revenue": "revenue",
    "label": "label",
}
CONDITION = "l_discount > 0"
COMPUTED = {
    "revenue": "l_extendedprice * (1 - l_discount)",
    "label": "l_returnflag || '-' || l_shipmode",
}
_COMPUTED_TYPES = {"revenue": "numeric(19,4)", "label": "text"}


def make_source(server: Server, rows: int) -> None:
    """Table ``lineitem`` in database ``source``."""
    fields = ", ".join(f"{name} {type_}" for name, (type_, _) in COLUMNS.items())
    values = ", ".join(value for _, value in COLUMNS.values())
    server.execute(
        "source",
        f"create table lineitem ({fields}) with (autovacuum_enabled = false)",
        f"insert into lineitem select {values} from generate_series(0::bigint, {rows - 1}) i",
        "vacuum (freeze, analyze) lineitem",
    )


def make_target(server: Server, database: str) -> None:
    """An empty, logged table ``lines``."""
    types = {name: type_ for name, (type_, _) in COLUMNS.items()} | _COMPUTED_TYPES
    fields = ", ".join(f"{name} {types[origin]}" for name, origin in RENAMED.items())
    server.execute(
        database,
        "drop table if exists lines",
        f"create table lines ({fields}) with (autovacuum_enabled = false)",
    )


def select() -> str:
    """The whole job as PostgreSQL says it."""
    items = ", ".join(
        f"{COMPUTED.get(origin, origin)} as {name}" for name, origin in RENAMED.items()
    )
    return f"select {items} from lineitem where {CONDITION}"


def job(connections: Mapping[str, PlanConnection], *, target: str, **origin: Any) -> Plan:
    """The whole job as nodes; ``origin`` says what is read (``table`` or ``sql``)."""
    computed = [{"name": name, "expression": text} for name, text in COMPUTED.items()]
    renamed = [{"name": origin, "rename": name} for name, origin in RENAMED.items()]
    steps = (
        _step("read", "database_source", connection="source", **origin),
        _step("discounted", "filter", "read", condition=CONDITION),
        _step("computed", "expression", "discounted", columns=computed),
        _step("renamed", "select", "computed", columns=renamed),
        _step("load", "database_target", "renamed", connection=target, table="lines"),
    )
    return Plan(
        workflow_id="benchmark",
        workflow_name="benchmark",
        workflow_version=1,
        steps=steps,
        connections=dict(connections),
    )


def digest(server: Server, database: str, table: str = "lines") -> tuple[Any, ...]:
    """Rows of a table, and a sum over the hashes of all of them."""
    query = f"select count(*), sum(hash_record_extended({table}, 0)) from {table}"
    return server.execute(database, query)[0]


def _step(key: str, kind: str, reads: str = "", **config: Any) -> Step:
    edges = (Input(port="in", step=reads),) if reads else ()
    return Step(key=key, name=key, kind=kind, config=config, inputs=edges)
