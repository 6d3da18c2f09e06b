from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from exchange import Exchange, read, write

from engine.errors import EngineError
from engine.plan import Input, Step

ROOT = Path(__file__).parents[3]
CHILD = """
import sys
from engine.interpreter import run
from engine.plan import Plan
plan = Plan.model_validate_json(sys.stdin.read())
sys.exit(0 if run(plan, run_id="r", secrets=lambda c: {}).ok else 1)
"""


def books(exchange: Exchange, path: str) -> Path:
    return exchange.root / ".flowadmin" / path


def left_over(exchange: Exchange, path: str) -> list[str]:
    return [place.name for place in books(exchange, path).glob(".staged-*")]


def ids(exchange: Exchange, pattern: str = "out/**/*.parquet") -> list[int]:
    found = duckdb.sql(f"SELECT id FROM '{exchange.root}/{pattern}' ORDER BY id").fetchall()
    return [row[0] for row in found]


@pytest.fixture
def orders(exchange: Exchange) -> Exchange:
    """``orders.parquet`` with ids 0 to 4 in two countries."""
    exchange.make(
        "orders.parquet",
        "SELECT i::INTEGER AS id, CASE WHEN i < 2 THEN 'DE' ELSE 'FR' END AS country "
        "FROM range(5) t(i)",
    )
    return exchange


READ = read("orders.parquet", format="parquet")


def test_text_null_and_special_characters_come_back_as_they_were(exchange: Exchange) -> None:
    values = "(1, NULL), (2, ''), (3, 'a,b'), (4, 'say \"x\"'), (5, 'two\nlines'), (6, 'ü')"
    exchange.make("in.parquet", f"SELECT * FROM (VALUES {values}) t(id, t)")
    rows = duckdb.sql(f"SELECT id::VARCHAR, t FROM '{exchange.root}/in.parquet'").fetchall()
    assert exchange.run(read("in.parquet", format="parquet"), write("out.csv")).ok
    assert exchange.copied("out.csv") == sorted(rows)


@pytest.mark.parametrize("cell", ["=cmd()", "+1", "-1", "@x", "\tx", "\uff1dx"])
def test_cells_that_look_like_formulas_are_escaped(exchange: Exchange, cell: str) -> None:
    exchange.make("in.parquet", f"SELECT -1 AS number, '{cell}' AS \"=name\"")
    source = read("in.parquet", format="parquet")
    assert exchange.run(source, write("out.csv")).ok
    assert exchange.text("out.csv") == f"number,'=name\n-1,'{cell}\n"
    assert exchange.run(source, write("raw.csv", escape_formulas=False)).ok
    assert exchange.text("raw.csv") == f"number,=name\n-1,{cell}\n"


def test_parquet_holds_exactly_what_it_has_no_type_for(exchange: Exchange) -> None:
    exchange.make("in.csv", "SELECT 1", "FORMAT csv, HEADER")
    big = Step(
        key="big",
        name="big",
        kind="expression",
        inputs=(Input(port="in", step="read"),),
        config={"columns": [{"name": "n", "expression": "cast('9007199254740993' as hugeint)"}]},
    )
    target = write("out.parquet", format="parquet").model_copy(
        update={"inputs": (Input(port="in", step="big"),)}
    )
    outcome = exchange.run(read("in.csv"), big, target)
    assert outcome.ok, outcome.failures
    (row,) = duckdb.sql(f"SELECT n::VARCHAR FROM '{exchange.root}/out.parquet'").fetchall()
    assert row == ("9007199254740993",)


def test_replace_puts_one_file_in_the_place_of_the_old(orders: Exchange) -> None:
    orders.write("out/x.parquet", "old")
    assert orders.run(READ, write("out/x.parquet", format="parquet")).ok
    assert ids(orders) == [0, 1, 2, 3, 4]


def test_append_adds_a_file_per_run(orders: Exchange) -> None:
    target = write("out", format="parquet", mode="append")
    assert orders.run(READ, target, run_id="one").ok
    assert orders.run(READ, target, run_id="two").ok
    assert ids(orders) == sorted([0, 1, 2, 3, 4] * 2)


@pytest.mark.parametrize("mode", ["append", "replace"])
@pytest.mark.parametrize("partition_by", [[], ["COUNTRY"]])
def test_the_same_run_loads_once(orders: Exchange, mode: str, partition_by: list[str]) -> None:
    path = "out" if mode == "append" or partition_by else "out/x.parquet"
    target = write(path, format="parquet", mode=mode, partition_by=partition_by)
    first, second = orders.run(READ, target), orders.run(READ, target)
    assert ids(orders) == [0, 1, 2, 3, 4]
    assert first.nodes["write"].rows_out == second.nodes["write"].rows_out == 5


def test_partitions_are_folders_and_files_keep_their_columns(orders: Exchange) -> None:
    target = write("out", format="parquet", partition_by=["country"])
    assert orders.run(READ, target).ok
    folders = {name.split("/")[1] for name in orders.names() if name.startswith("out/")}
    assert folders == {"country=DE", "country=FR"}
    assert ids(orders, "out/country=DE/*.parquet") == [0, 1]
    columns = duckdb.sql(f"DESCRIBE FROM '{orders.root}/out/country=DE/*.parquet'").fetchall()
    assert [column[0] for column in columns] == ["id", "country"]


def test_replacing_partitions_removes_the_old_ones(orders: Exchange) -> None:
    target = write("out", format="parquet", partition_by=["country"])
    assert orders.run(READ, target, run_id="one").ok
    orders.make("orders.parquet", "SELECT 9 AS id, 'IT' AS country")
    assert orders.run(READ, target, run_id="two").ok
    assert ids(orders) == [9]


def test_a_folder_with_files_of_others_is_not_replaced(orders: Exchange) -> None:
    orders.write("out/notes.txt", "mine")
    outcome = orders.run(READ, write("out", format="parquet", partition_by=["country"]))
    assert "holds 'notes.txt', which no load has written" in str(outcome.failures[0])
    assert orders.text("out/notes.txt") == "mine"


def test_a_manifest_says_what_was_loaded(orders: Exchange) -> None:
    orders.run(READ, write("out/x.parquet", format="parquet"), run_id="one")
    (manifest,) = books(orders, "out/x.parquet").glob(".load-*.json")
    entry = json.loads(manifest.read_text())
    assert (entry["run"], entry["node"], entry["rows"]) == ("one", "write", 5)
    content = (orders.root / "out/x.parquet").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert entry["files"] == [{"path": "x.parquet", "bytes": len(content), "sha256": digest}]


def test_a_failed_load_leaves_the_old_file_and_nothing_else(exchange: Exchange) -> None:
    exchange.write("in.csv", "id\n" + "1\n" * 300_000 + "x\n")
    exchange.write("out.csv", "old")
    source = read("in.csv", columns=[{"name": "id", "type": "integer"}])
    assert not exchange.run(source, write("out.csv")).ok
    assert exchange.text("out.csv") == "old"
    assert left_over(exchange, "out.csv") == []


def test_an_unknown_partition_is_named(orders: Exchange) -> None:
    outcome = orders.run(READ, write("out", format="parquet", partition_by=["contry"]))
    assert "did you mean 'country'?" in str(outcome.failures[0])


@pytest.mark.parametrize("path", ["../out.csv", "link/out.csv", "link.csv"])
def test_nothing_is_written_outside_the_folder(orders: Exchange, path: str) -> None:
    (orders.root / "link").symlink_to(orders.root.parent)
    (orders.root / "link.csv").symlink_to(orders.root.parent / "out.csv")
    try:
        assert not orders.run(READ, write(path)).ok
    except EngineError:
        assert ".." in path
    assert not (orders.root.parent / "out.csv").exists()


def test_a_load_that_counts_but_was_not_installed_is_finished_later(orders: Exchange) -> None:
    orders.write("out", "a file where the folder must go")
    target = write("out/x.parquet", format="parquet")
    assert not orders.run(READ, target).ok
    (orders.root / "out").unlink()
    outcome = orders.run(read("gone.parquet", format="parquet"), target)
    assert "there is no file 'gone.parquet'" in str(outcome.failures[0])
    assert orders.run(READ, target).nodes["write"].rows_out == 5
    assert ids(orders) == [0, 1, 2, 3, 4]


def killed(exchange: Exchange, *steps: Step, when: Callable[[], bool]) -> None:
    """A run in a process of its own, killed as soon as ``when()``, unless it ends before."""
    process = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, cwd=ROOT)
    assert process.stdin
    process.stdin.write(exchange.plan(*steps).model_dump_json().encode())
    process.stdin.close()
    end = time.monotonic() + 60
    while process.poll() is None and not when() and time.monotonic() < end:
        time.sleep(0.001)
    process.kill()
    process.wait(60)


@pytest.mark.parametrize(("mode", "path"), [("append", "out"), ("replace", "out/x.parquet")])
@pytest.mark.parametrize("moment", [".staged-*", ".staged-*/rows/*", ".load-*.json"])
def test_a_killed_load_shows_all_or_nothing_and_a_retry_loads_once(
    exchange: Exchange, mode: str, path: str, moment: str
) -> None:
    exchange.make("orders.parquet", "SELECT i AS id, hash(i) AS h FROM range(300000) t(i)")
    target = write(path, format="parquet", mode=mode)
    killed(exchange, READ, target, when=lambda: any(books(exchange, path).glob(moment)))
    shown = [name for name in exchange.names() if name.startswith("out")]
    assert not shown or len(ids(exchange)) == 300_000
    assert exchange.run(READ, target).ok
    assert len(ids(exchange)) == 300_000
    assert left_over(exchange, path) == []


def test_a_sorted_file_is_in_order(exchange: Exchange) -> None:
    exchange.make("in.parquet", "SELECT (hash(i) % 100000)::BIGINT AS id FROM range(300000) t(i)")
    edges = (Input(port="in", step="read"),)
    config = {"order_by": [{"column": "id"}]}
    sort = Step(key="sort", name="sort", kind="sort", config=config, inputs=edges)
    target = write("out.csv").model_copy(update={"inputs": (Input(port="in", step="sort"),)})
    assert exchange.run(read("in.parquet", format="parquet"), sort, target).ok
    lines = [int(line) for line in exchange.text("out.csv").split()[1:]]
    assert len(lines) == 300_000
    assert lines == sorted(lines)


def test_more_partitions_than_files_that_may_be_open_lose_no_row(exchange: Exchange) -> None:
    exchange.make("in.parquet", "SELECT i AS id, hash(i) % 300 AS part FROM range(60000) t(i)")
    target = write("out", format="parquet", mode="append", partition_by=["part"])
    assert exchange.run(read("in.parquet", format="parquet"), target).ok
    assert ids(exchange) == list(range(60_000))
