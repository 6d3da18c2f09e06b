"""Whatever happens to a load into MariaDB, running it again leaves each row once.

``FLOWADMIN_KILLS`` says how many runs are killed in each of four modes; 3 if it is not set.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from disturbing import kill_and_repeat
from mariadb import Shop, mariadb_connection
from mariadb_server import connect
from pipelines import Rows, plan, secrets, source, target, transform
from runner import Runner

from engine.interpreter import run
from engine.plan import Plan

KILLS = int(os.environ.get("FLOWADMIN_KILLS", 3))
ROWS = 6_000
MODES = ["append", "replace", "upsert", "delete_insert"]
KEYED = ("upsert", "delete_insert")
WAITING = "select trx_mysql_thread_id from information_schema.innodb_trx "
WAITING += "where trx_state = 'LOCK WAIT'"


def pipeline(shop: Shop, mode: str) -> Plan:
    shop.sql(
        f"create table s as select seq as id, md5(seq) as word from seq_1_to_{ROWS}",
        "create table t (id int primary key, word varchar(40), check (word <> 'forbidden'))",
    )
    keys = {"keys": ["id"]} if mode in KEYED else {}
    steps = [
        source("read", "s"),
        transform("keep", "filter", "read", condition="id % 3 <> 0"),
        target("write", "t", "keep", mode, config=keys, retries=1, retry_delay_seconds=0),
    ]
    own = mariadb_connection(shop.url)
    return plan(steps, {"source": own, "target": own})


def fill(shop: Shop, mode: str) -> None:
    """Rows from before the run, some of them in its way where the mode allows it."""
    first = 1 if mode in KEYED else -9
    rows = ", ".join(f"({first + i}, 'old')" for i in range(9))
    shop.sql("delete from t", f"insert into t values {rows}")


def content(shop: Shop) -> Rows:
    return shop.sql("select count(*), sum(id), sum(crc32(concat(id, word))) from t")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", MODES)
def test_a_killed_load_into_mariadb_that_is_run_again_loads_each_row_once(
    shop: Shop, runner: Runner, mode: str
) -> None:
    kill_and_repeat(
        runner,
        pipeline(shop, mode),
        lambda: fill(shop, mode),
        lambda: content(shop),
        kills=KILLS,
        seed=f"mariadb, {mode}",
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_load_into_mariadb_whose_connection_is_cut_is_retried(shop: Shop, mode: str) -> None:
    made = pipeline(shop, mode)
    fill(shop, mode)
    run(made, run_id="alone", secrets=secrets).raise_failure()
    expected = content(shop)
    fill(shop, mode)
    before = content(shop)
    with ThreadPoolExecutor(1) as threads, connect(shop.url) as other:
        other.cursor().execute("set autocommit = 0")
        other.cursor().execute(f"insert into t values ({ROWS - 1}, 'in the way')")
        running = threads.submit(run, made, run_id="cut", secrets=secrets)
        cut_who_waits(shop)
        assert content(shop) == before
        other.rollback()
        running.result().raise_failure()
    assert content(shop) == expected


def cut_who_waits(shop: Shop) -> None:
    """End the session that waits for another's row, as soon as there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := shop.sql(WAITING):
            shop.sql(f"kill {found[0][0]}")
            return
        # The table is filled anew only when nobody has read it for a tenth of a second.
        time.sleep(0.2)
    raise AssertionError("no load came to the row")


@pytest.mark.parametrize("mode", MODES)
def test_a_last_row_that_mariadb_refuses_leaves_the_table_as_it_was(shop: Shop, mode: str) -> None:
    made = pipeline(shop, mode)
    shop.sql(f"insert into s values ({ROWS + 2}, 'forbidden')")
    fill(shop, mode)
    before = content(shop)
    (failure,) = run(made, run_id="r", secrets=secrets).failures
    assert failure.code == "E_LOAD_CONSTRAINT"
    assert content(shop) == before
    assert shop.sql("select * from flowadmin_load_ledger") == []
