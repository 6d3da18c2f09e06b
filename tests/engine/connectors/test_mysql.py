"""The MySQL connector against a real MariaDB server."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from mariadb import Shop, mariadb_address, mariadb_connection
from pipelines import plan, secrets, source, target, transform
from pydantic import ValidationError

from engine.connectors.mysql import CONNECTOR
from engine.connectors.mysql.catalog import NativeColumn, rows_of
from engine.connectors.mysql.config import MysqlConfig
from engine.connectors.mysql.types import NativeType
from engine.errors import AccessDenied, ConnectorError, TableNotFound, Unreachable
from engine.interpreter import RunSession
from engine.outcome import RunOutcome
from engine.transfer import Extraction, TableName

MYSQL = CONNECTOR()


def config_of(shop: Shop, **changes: Any) -> MysqlConfig:
    return MysqlConfig.model_validate({**mariadb_address(shop.url), **changes})


@pytest.fixture
def orders(shop: Shop) -> Shop:
    """Table ``s`` with keys 1 to 3, ``t`` with 2 to 4; ``t`` has a key and a default."""
    shop.sql(
        "create table s (id int, v varchar(20))",
        "insert into s values (1, 'new 1'), (2, 'new 2'), (3, 'new 3')",
        "create table t (id int primary key, v varchar(20) not null, at timestamp default now())",
        "insert into t (id, v) values (2, 'old 2'), (3, 'old 3'), (4, 'old 4')",
    )
    return shop


def load(shop: Shop, mode: str, run_id: str = "r", **config: Any) -> RunOutcome:
    keys = {"keys": ["id"]} if mode in ("upsert", "delete_insert") else {}
    write = target("w", "t", "r", mode, config={**keys, **config})
    return shop.run(source("r", "s"), write, run_id=run_id)


def values(shop: Shop) -> list[str]:
    return [v for (v,) in shop.sql("select v from t order by id")]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("replace", ["new 1", "new 2", "new 3"]),
        ("upsert", ["new 1", "new 2", "new 3", "old 4"]),
        ("delete_insert", ["new 1", "new 2", "new 3", "old 4"]),
    ],
)
def test_each_mode_does_what_it_says_once(orders: Shop, mode: str, expected: list[str]) -> None:
    for _ in range(2):
        assert load(orders, mode).nodes["w"].rows_out == 3
        assert values(orders) == expected
    assert orders.sql("select `rows` from flowadmin_load_ledger") == [(3,)]


def test_append_adds_once_per_run(orders: Shop) -> None:
    orders.sql("alter table t drop primary key")
    for run_id in ("one", "one", "two"):
        load(orders, "append", run_id).raise_failure()
    assert orders.sql("select count(*) from t") == [(9,)]


@pytest.mark.parametrize("mode", ["append", "replace", "upsert", "delete_insert"])
def test_a_row_that_is_refused_leaves_the_table_as_it_was(orders: Shop, mode: str) -> None:
    orders.sql("insert into s values (99, null)")
    (failure,) = load(orders, mode).failures
    assert failure.code == "E_LOAD_CONSTRAINT"
    assert values(orders) == ["old 2", "old 3", "old 4"]
    orders.sql("delete from s where v is null or id in (2, 3)")
    load(orders, mode).raise_failure()


def test_an_upsert_goes_by_its_keys_and_no_other_unique_index(orders: Shop) -> None:
    orders.sql("create unique index other on t (v)", "update t set v = 'new 1' where id = 4")
    (failure,) = load(orders, "upsert").failures
    assert "Duplicate entry 'new 1'" in failure.message
    assert values(orders) == ["old 2", "old 3", "new 1"]


def test_an_upsert_refuses_a_key_that_arrives_twice_and_names_it_here_too(orders: Shop) -> None:
    orders.sql("insert into s values (2, 'again')")
    (failure,) = load(orders, "upsert").failures
    assert failure.code == "E_LOAD_KEY_REPEATED"
    assert "id = '2'" in failure.message


def test_a_table_without_transactions_is_refused(orders: Shop) -> None:
    orders.sql("alter table t engine = MyISAM")
    (failure,) = load(orders, "append").failures
    assert "engine MyISAM, which cannot undo a load" in failure.message


def test_rows_of_other_tables_are_never_deleted(orders: Shop) -> None:
    orders.sql("create table part (t int, foreign key (t) references t (id) on delete cascade)")
    orders.sql("insert into part values (4)")
    (failure,) = load(orders, "replace").failures
    assert "part' refers to it" in failure.message
    assert orders.sql("select count(*) from part") == [(1,)]


def test_a_value_that_a_trigger_or_the_server_changes_is_refused(orders: Shop) -> None:
    orders.sql("alter table s modify v varchar(30)")
    orders.sql("update s set v = 'twenty characters ok  ' where id = 1")
    (failure,) = load(orders, "replace").failures
    assert "changed a value on its way in" in failure.message
    assert values(orders) == ["old 2", "old 3", "old 4"]


def test_new_rows_are_read_by_a_watermark_that_moves_with_the_load(shop: Shop) -> None:
    shop.sql("create table s (id bigint unsigned, at datetime(6))", "create table t like s")
    big = 18446744073709551610
    read = source("r", "s", incremental={"column": "id"})
    for run, new in enumerate(([big, big + 1], [big + 2], [])):
        for id_ in new:
            shop.sql(f"insert into s values ({id_}, now(6))")
        outcome = shop.run(read, target("w", "t", "r"), run_id=f"run {run}")
        assert outcome.nodes["w"].rows_out == len(new), outcome.failures
    assert shop.sql("select count(*), count(distinct id) from t") == [(3, 3)]


def test_an_overlap_of_seconds_reads_back_from_datetimes(shop: Shop) -> None:
    shop.sql("create table s (at datetime(6))", "create table t like s")
    shop.sql("insert into s values ('2020-01-01 00:00:00'), ('2020-01-01 00:00:09.5')")
    read = source("r", "s", incremental={"column": "at", "overlap": 5})
    counts = [
        shop.run(read, target("w", "t", "r"), run_id=run).nodes["w"].rows_out
        for run in ("one", "two")
    ]
    assert counts == [2, 1]


def test_a_filter_means_what_it_means_everywhere(shop: Shop) -> None:
    shop.sql("create table s (id int, v varchar(5))", "create table t like s")
    shop.sql("insert into s values (1, 'a'), (2, 'A'), (3, 'a '), (null, 'a')")
    read = source("r", "s", filter="id >= 1 and v = 'a'", columns=["v"])
    shop.run(read, target("w", "t", "r")).raise_failure()
    assert shop.sql("select v, hex(v) from t") == [("a", "61")]


def test_whole_numbers_are_compared_by_the_server(shop: Shop) -> None:
    shop.sql("create table s (id int)", "insert into s values (1), (2), (3)")
    extraction = Extraction(TableName("", "s"), filter="id > 2")
    config = config_of(shop)
    reading = MYSQL.reading(config, extraction)
    rows = MYSQL.stream(config, reading.extraction, reading.schema).batches
    assert [batch.to_pylist() for batch in rows] == [[{"id": 3}]]


def test_reading_only_reads_and_under_a_time_limit(shop: Shop) -> None:
    body = "begin insert into s values (1); return 1; end"
    shop.sql("create table s (id int)", "create table t (v int)", "drop function if exists f")
    shop.sql(f"create function f() returns int {body}")
    (failure,) = shop.run(source("r", sql="select f() as v"), target("w", "t", "r")).failures
    assert "READ ONLY" in failure.message
    with config_of(shop, options={"statement_timeout_seconds": 77}).connect() as connection:
        assert rows_of(connection, "select @@max_statement_time") == [(77.0,)]


def test_an_interrupted_run_ends_its_query_at_the_server(shop: Shop) -> None:
    shop.sql("create table t (n bigint)")
    slow = "select count(*) as n from seq_1_to_100000000 a join seq_1_to_100000 b"
    connections = dict.fromkeys(("source", "target"), mariadb_connection(shop.url))
    steps = source("r", sql=slow), target("w", "t", "r")
    run = RunSession(plan(steps, connections), run_id="r", secrets=secrets)
    running = (
        "select count(*) from information_schema.processlist "
        "where info like '%a join%' and info like 'select concat%'"
    )

    def stop_when_it_runs() -> None:
        while shop.sql(running) == [(0,)]:
            time.sleep(0.05)
        run.interrupt()

    threading.Thread(target=stop_when_it_runs, daemon=True).start()
    assert [failure.code for failure in run.run().failures] == ["E_INTERRUPTED"]
    assert shop.sql(running) == [(0,)]


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"host": "nohost.invalid"}, Unreachable, "nothing answers at nohost.invalid"),
        ({"port": 1}, Unreachable, "nothing answers at 127.0.0.1:1"),
        ({"password": "wrong secret"}, AccessDenied, "does not let user 'root' in"),
        ({"database": "nowhere"}, ConnectorError, "there is no database 'nowhere'"),
        ({"tls": "verify-full"}, AccessDenied, "certificate of 127.0.0.1"),
    ],
)
def test_a_wrong_setting_is_named_and_the_password_is_not(
    shop: Shop, changes: dict[str, Any], error: type[ConnectorError], said: str
) -> None:
    config = config_of(shop, **changes)
    with pytest.raises(error) as raised:
        MYSQL.test(config)
    assert said in str(raised.value)
    assert config.password.get_secret_value() not in str(raised.value)


def test_a_server_is_trusted_by_its_authority(shop: Shop, mariadb_certificate: str) -> None:
    config = config_of(shop, tls="verify-full", ca=mariadb_certificate)
    assert MYSQL.test(config).startswith("MariaDB 1")


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "/run/mysqld/mysqld.sock"},
        {"options": {"local_infile": True}},
        {"options": {"init_command": "drop table t"}},
        {"options": {"read_default_file": "/root/.my.cnf"}},
        {"ca": "/etc/ssl/certs/ca.pem"},
    ],
)
def test_options_that_reach_beyond_the_database_are_refused(changes: dict[str, Any]) -> None:
    address = {"host": "db", "database": "d", "user": "u"}
    with pytest.raises(ValidationError):
        MysqlConfig.model_validate({**address, **changes})


def test_the_catalog_has_tables_columns_and_keys(orders: Shop) -> None:
    config = config_of(orders)
    assert TableName(config.database, "t") in MYSQL.tables(config)
    id_, v, at = MYSQL.target_columns(config, TableName("", "t"))
    assert (id_.native_type, id_.unique_in, id_.is_nullable) == ("int(11)", ("PRIMARY",), False)
    assert (v.type, at.type, at.has_default) == ("VARCHAR", "TIMESTAMP WITH TIME ZONE", True)


def test_a_table_that_is_not_there_names_the_nearest(orders: Shop) -> None:
    orders.sql("create table customers (id int)")
    with pytest.raises(TableNotFound, match=r"did you mean .test_\w+\.customers"):
        MYSQL.describe(config_of(orders), Extraction(TableName("", "customer")))


def test_a_type_that_cannot_be_carried_is_refused_where_it_is_described() -> None:
    with pytest.raises(ConnectorError, match=r"column 'e' \(vector\(3\)\).*CAST\(`e` AS CHAR\)"):
        NativeColumn("e", NativeType("vector", "vector(3)")).described()


def test_names_are_quoted_wherever_they_appear_here(shop: Shop) -> None:
    shop.sql("create table `a``b'\"` (`c``d'\"` int)", "insert into `a``b'\"` values (1)")
    shop.sql("create table t (n int)")
    write = target(
        "w", "t", "x", "replace", config={"columns": [{"column": "c`d'\"", "target": "n"}]}
    )
    keep = transform("x", "filter", "r", condition="1 = 1")
    shop.run(source("r", "a`b'\""), keep, write).raise_failure()
    assert shop.sql("select n from t") == [(1,)]
