"""A join whose build side is twice the memory limit, then an aggregate of many groups.

``flowadmin``   two sources, a join, an aggregate and a load, under the limit
``postgresql``  the same in one statement; the rows must be equal

``rss_over_bound`` is the peak of the process over limit + 150 MB; what it takes beyond the limit
is the engine itself, rows on their way in and out, and what DuckDB does not count.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.etl.cost import measured
from benchmarks.etl.runner import running_plans
from benchmarks.etl.server import Server, running_server
from benchmarks.result import Result
from engine.plan import Input, Plan, Step

_ROWS = 1_500_000
_LIMIT_MB = 128
_BEYOND_MB = 150
#: Of a line of the build side: a number and a text of 200 characters.
_WIDE = "repeat(md5(i::text), 6) || left(md5((i * 3)::text), 8)"
_LETTERS = {"name": "letters", "expression": "length(note)"}
_RESULT = """
select customer, sum(amount) as total, count(*) as lines, sum(length(note)) as letters
from lines join orders using (id) group by customer
"""


def measure(size: float = 1) -> Iterator[Result]:
    with running_plans() as runner, running_server() as server:
        _make_tables(server, int(_ROWS * size))
        build_mb = _megabytes(server)
        cost = measured(server, lambda: runner.run(_plan(server))[0])
        found, expected = (_digest(server, query) for query in ("select * from totals", _RESULT))
    if found != expected:
        raise RuntimeError("the rows differ from PostgreSQL's own")
    bound = _LIMIT_MB + _BEYOND_MB
    yield Result("flowadmin", "build_side_mb", build_mb, "MB", baseline=_LIMIT_MB)
    yield Result("flowadmin", "wall_s", cost.wall, "s")
    yield Result("flowadmin", "cpu_s", cost.cpu, "s")
    yield Result("flowadmin", "peak_rss_mb", cost.rss_mb, "MB", baseline=bound)
    yield Result.at_most("flowadmin", "rss_over_bound", cost.rss_mb / bound, "x", 1)


def _make_tables(server: Server, rows: int) -> None:
    series = f"generate_series(1::bigint, {rows}) i"
    server.execute(
        "source",
        f"create table orders as select i as id, i / 2 as customer, {_WIDE} as note from {series}",
        f"create table lines as select i * 7 % {rows} + 1 as id, "
        f"(i % 10000)::numeric(12,2) / 4 as amount from {series}",
        "alter table lines alter amount type numeric(12,2)",
        "create table totals "
        "(customer bigint, total numeric(38,2), lines bigint, letters numeric(38,0))",
    )


def _megabytes(server: Server) -> float:
    """The values of the build side, without what a database adds."""
    query = "select sum(16 + length(note))::float8 / 1024 / 1024 from orders"
    return float(server.execute("source", query)[0][0])


def _digest(server: Server, query: str) -> object:
    hashes = f"select count(*), sum(hashtextextended(r::text, 0)::numeric) from ({query}) r"
    return server.execute("source", "set work_mem = '64MB'", hashes)


def _plan(server: Server) -> Plan:
    made = [
        {"name": "total", "function": "sum", "column": "amount"},
        {"name": "lines", "function": "count"},
        {"name": "letters", "function": "sum", "column": "letters"},
    ]
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
            _step("totals", "aggregate", {"in": "sized"}, group_by=["customer"], aggregates=made),
            _step("load", "database_target", {"in": "totals"}, connection="shop", table="totals"),
        ),
    )


def _step(key: str, kind: str, reads: dict[str, str], **config: object) -> Step:
    edges = tuple(Input(port=port, step=step) for port, step in reads.items())
    return Step(key=key, name=key, kind=kind, config=config, inputs=edges)
