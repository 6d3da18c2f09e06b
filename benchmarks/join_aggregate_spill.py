"""A join whose build side is twice the memory limit, then an aggregate of many groups.

``flowadmin``        two sources, a join, an aggregate of numbers and a load, under the limit
``flowadmin_texts``  the same with texts of each group, which DuckDB cannot write to disk
``postgresql``       the same in one statement; the rows must be equal

``rss_over_bound`` is the peak of the process over limit + 150 MB; what it takes beyond the limit
is the engine itself, rows on their way in and out, and what DuckDB does not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.etl.cost import measured
from benchmarks.etl.runner import Runner, running_plans
from benchmarks.etl.server import Server, running_server
from benchmarks.result import Result
from engine.plan import Input, Plan, Step

_ROWS = 1_500_000
_LIMIT_MB = 128
_BEYOND_MB = 150
#: Of a line of the build side: a number and a text of 200 characters.
_WIDE = "repeat(md5(i::text), 6) || left(md5((i * 3)::text), 8)"
_LETTERS = {"name": "letters", "expression": "length(note)"}
#: Column made → (its type, PostgreSQL's SQL, the node's function and column), by case.
_Made = Mapping[str, tuple[str, str, str, str]]
_NUMBERS: _Made = {
    "total": ("numeric(38,2)", "sum(amount)", "sum", "amount"),
    "lines": ("bigint", "count(*)", "count", ""),
    "letters": ("numeric(38,0)", "sum(length(note))", "sum", "letters"),
}
_TEXTS: _Made = {
    "lines": ("bigint", "count(*)", "count", ""),
    "last_note": ("text", 'max(note collate "C")', "max", "note"),
    "notes": ("text", "string_agg(note, ', ' order by note collate \"C\")", "string_agg", "note"),
}
_CASES = {"flowadmin": _NUMBERS, "flowadmin_texts": _TEXTS}


def measure(size: float = 1) -> Iterator[Result]:
    with running_plans() as runner, running_server() as server:
        _make_tables(server, int(_ROWS * size))
        yield Result("flowadmin", "build_side_mb", _megabytes(server), "MB", baseline=_LIMIT_MB)
        for case, made in _CASES.items():
            yield from _measure(server, runner, case, made)


def _measure(server: Server, runner: Runner, case: str, made: _Made) -> Iterator[Result]:
    types = ", ".join(f"{name} {type_}" for name, (type_, *_) in made.items())
    server.execute(
        "source", "drop table if exists totals", f"create table totals (customer bigint, {types})"
    )
    cost = measured(server, lambda: runner.run(_plan(server, made))[0])
    items = ", ".join(f"{sql} as {name}" for name, (_, sql, *_) in made.items())
    expected = f"select customer, {items} from lines join orders using (id) group by customer"
    if _digest(server, "select * from totals") != _digest(server, expected):
        raise RuntimeError(f"the rows of '{case}' differ from PostgreSQL's own")
    bound = _LIMIT_MB + _BEYOND_MB
    yield Result(case, "wall_s", cost.wall, "s")
    yield Result(case, "cpu_s", cost.cpu, "s")
    yield Result(case, "peak_rss_mb", cost.rss_mb, "MB", baseline=bound)
    yield Result.at_most(case, "rss_over_bound", cost.rss_mb / bound, "x", 1)


def _make_tables(server: Server, rows: int) -> None:
    series = f"generate_series(1::bigint, {rows}) i"
    server.execute(
        "source",
        f"create table orders as select i as id, i / 2 as customer, {_WIDE} as note from {series}",
        f"create table lines as select i * 7 % {rows} + 1 as id, "
        f"(i % 10000)::numeric(12,2) / 4 as amount from {series}",
        "alter table lines alter amount type numeric(12,2)",
    )


def _megabytes(server: Server) -> float:
    """The values of the build side, without what a database adds."""
    query = "select sum(16 + length(note))::float8 / 1024 / 1024 from orders"
    return float(server.execute("source", query)[0][0])


def _digest(server: Server, query: str) -> object:
    hashes = f"select count(*), sum(hashtextextended(r::text, 0)::numeric) from ({query}) r"
    return server.execute("source", "set work_mem = '64MB'", hashes)


def _plan(server: Server, made: _Made) -> Plan:
    aggregates: dict[str, Any] = {
        "aggregates": [
            {"name": name, "function": function, "column": column}
            for name, (_, _, function, column) in made.items()
        ],
        "order_by": [{"column": "note"}],
    }
    return Plan(
        workflow_id="benchmark",
        workflow_name="benchmark",
        workflow_version=1,
        memory_limit_mb=_LIMIT_MB,
        connections={"shop": server.connection("source")},
        steps=(
            _step("lines", "database_source", {}, connection="shop", table="lines"),
            _step("orders", "database_source", {}, connection="shop", table="orders"),
            _step(
                "joined",
                "join",
                {"left": "lines", "right": "orders"},
                type="inner",
                on=[{"left": "id", "right": "id"}],
            ),
            _step("sized", "expression", {"in": "joined"}, columns=[_LETTERS]),
            _step("totals", "aggregate", {"in": "sized"}, group_by=["customer"], **aggregates),
            _step("load", "database_target", {"in": "totals"}, connection="shop", table="totals"),
        ),
    )


def _step(key: str, kind: str, reads: dict[str, str], **config: object) -> Step:
    edges = tuple(Input(port=port, step=step) for port, step in reads.items())
    return Step(key=key, name=key, kind=kind, config=config, inputs=edges)
