"""The ETL of ``etl_cross_database`` as others do it, in the words their users write.

``psql_pipe``   two psql, binary COPY
``flowadmin``   a plan of five nodes
``pandas``      ``read_sql`` and ``to_sql(method="multi")``, 10,000 rows at once
``polars_adbc`` Polars reading and writing through ADBC
``dlt``         its ``sql_table`` source into PostgreSQL, where it runs

Ratios are to ``psql_pipe``. The peers are installed into an environment of their own, which goes
with the measurement; one that cannot be installed or fails is left out, with a word why. Their
processes are measured from start to end: imports are theirs. 300,000 rows at full size, for
pandas takes minutes for millions.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.etl import lineitem
from benchmarks.etl.cost import Client, Cost, measured, waited
from benchmarks.etl.pipe import psql_pipe
from benchmarks.etl.runner import Runner, running_plans
from benchmarks.etl.server import Server, running_server
from benchmarks.result import Result

_ROWS = 300_000
_PACKAGES = {
    "pandas": ("pandas", "sqlalchemy", "psycopg[binary]"),
    "polars_adbc": ("polars", "adbc-driver-postgresql", "pyarrow"),
    "dlt": ("dlt[postgres,sql_database]", "psycopg2-binary", "sqlalchemy"),
}
_PROGRAMS = Path(__file__).parent / "etl" / "peers"
_GIVE_UP_S = 600


def measure(size: float = 1) -> Iterator[Result]:
    with running_plans() as runner, running_server() as server:
        lineitem.make_source(server, int(_ROWS * size))
        pipe = _cost(server, lambda: psql_pipe(server, "target"))
        rows = lineitem.digest(server, "target")[0]
        yield from _results("psql_pipe", pipe, pipe)
        ours = _cost(server, lambda: _flowadmin(server, runner))
        yield from _results("flowadmin", ours, pipe)
        for peer, packages in _PACKAGES.items():
            with tempfile.TemporaryDirectory(prefix="flowadmin-peer-") as folder:
                try:
                    python = _install(Path(folder), packages)
                    cost = _cost(server, _program(server, python, peer))
                except (subprocess.SubprocessError, RuntimeError) as error:
                    print(f"{peer} is left out: {error}", file=sys.stderr)
                    continue
                if lineitem.digest(server, "target")[0] != rows:
                    raise RuntimeError(f"{peer} loaded another number of rows")
                yield from _results(peer, cost, pipe)


def _cost(server: Server, work: Callable[[], Client]) -> Cost:
    lineitem.make_target(server, "target")
    return measured(server, work)


def _results(case: str, cost: Cost, pipe: Cost) -> Iterator[Result]:
    wall, cpu = cost.wall / pipe.wall, cost.cpu / pipe.cpu
    yield Result(case, "wall_s", cost.wall, "s", baseline=pipe.wall, ratio=wall)
    yield Result(case, "cpu_s", cost.cpu, "s", baseline=pipe.cpu, ratio=cpu)
    yield Result(case, "peak_rss_mb", cost.rss_mb, "MB")


def _flowadmin(server: Server, runner: Runner) -> Client:
    connections = {name: server.connection(name) for name in ("source", "target")}
    return runner.run(lineitem.job(connections, target="target", table="lineitem"))[0]


def _install(folder: Path, packages: tuple[str, ...]) -> Path:
    """The Python of a new environment that has them."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages]
    subprocess.run(command, check=True, capture_output=True, timeout=_GIVE_UP_S)
    return python


def _program(server: Server, python: Path, peer: str) -> Callable[[], Client]:
    urls = json.dumps({name: server.url(name) for name in ("source", "target")})
    command = [str(python), str(_PROGRAMS / f"{peer}.py"), urls]

    def run() -> Client:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        return waited([process.pid])

    return run
