"""Files of S3 and of the web: read in place, written exactly once, and nothing else is reached."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from bucket import Bucket
from exchange import Exchange, read, write
from pipelines import plan
from service import Service

from engine.connectors.remote_files import RemoteFiles
from engine.connectors.remote_files.config import RemoteFilesConfig
from engine.errors import AccessDenied, ConnectorError, TableNotFound
from engine.interpreter import run
from engine.media.files import FileExtraction
from engine.plan import PlanConnection, Step
from engine.transfer import TableName

ROOT = Path(__file__).parents[3]
CHILD = """
import sys
from engine.interpreter import run
from engine.plan import Plan
plan = Plan.model_validate_json(sys.stdin.read())
sys.exit(0 if run(plan, run_id="r", secrets=lambda c: {}).ok else 1)
"""
CSV = "id,country\n1,DE\n2,FR\n3,DE\n"
IDS = [{"name": "id", "type": "integer"}]
READ = read("orders.csv", columns=IDS)


def parquet(query: str) -> bytes:
    sink = io.BytesIO()
    import pyarrow.parquet

    pyarrow.parquet.write_table(duckdb.sql(query).to_arrow_table(), sink)
    return sink.getvalue()


def ids(bucket: Bucket, prefix: str = "shop/out") -> list[int]:
    import pyarrow.parquet

    found: list[int] = []
    for key in bucket.keys(prefix):
        table = pyarrow.parquet.read_table(io.BytesIO(bucket.get(key)))
        found += table["id"].to_pylist()
    return sorted(found)


@pytest.fixture
def orders(bucket: Bucket) -> Bucket:
    bucket.put("shop/orders.csv", CSV)
    bucket.put("secret.csv", CSV)
    return bucket


def test_a_file_is_read_in_place_and_written(orders: Bucket) -> None:
    outcome = orders.run(READ, write("out/copy.csv"))
    assert outcome.ok, outcome.failures
    assert orders.get("shop/out/copy.csv").decode() == CSV
    assert outcome.nodes["write"].rows_out == 3


def test_patterns_and_parquet_are_read(bucket: Bucket) -> None:
    for day in (1, 2):
        bucket.put(f"shop/2026/{day}.parquet", parquet(f"SELECT {day} AS id FROM range(1000)"))
    outcome = bucket.run(
        read("2026/*.parquet", format="parquet"), write("all.parquet", format="parquet")
    )
    assert outcome.ok, outcome.failures
    assert ids(bucket, "shop/all.parquet") == sorted([1, 2] * 1000)


def test_files_are_listed_without_books(orders: Bucket) -> None:
    assert orders.run(READ, write("out/copy.csv")).ok
    assert orders.tables() == ["orders.csv", "out/copy.csv"]
    assert RemoteFiles().test(orders.config).endswith("/shop' with 2 files")


def test_a_missing_file_is_named_with_the_nearest(orders: Bucket) -> None:
    extraction = FileExtraction(table=TableName("", "order.csv"))
    with pytest.raises(TableNotFound, match=r"no file 'order\.csv' .* did you mean 'orders\.csv'"):
        RemoteFiles().describe(orders.config, extraction)


@pytest.mark.parametrize(
    "path", ["../secret.csv", "a/../../secret.csv", "/secret.csv", ".flowadmin/x"]
)
def test_nothing_beside_the_prefix_is_reached(orders: Bucket, path: str) -> None:
    with pytest.raises(AccessDenied):
        RemoteFiles().describe(orders.config, FileExtraction(table=TableName("", path)))


def test_a_value_that_does_not_fit_names_the_file(bucket: Bucket) -> None:
    bucket.put("shop/orders.csv", "id\n1\nx\n")
    (failure,) = bucket.run(READ, write("out.csv")).failures
    assert (failure.step, failure.code) == ("read", "E_VALUE")
    assert "file 'orders.csv', line 3, column 'id': 'x' cannot be read exactly" in failure.message
    assert bucket.shown() == ["shop/orders.csv"]


def test_wrong_keys_are_not_replaced_by_those_of_the_host(
    orders: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://169.254.169.254")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-host")
    assert orders.tables() == ["orders.csv"]


@pytest.mark.parametrize("allowed", ["", "example.com"])
def test_an_endpoint_that_is_not_allowed_is_refused(
    orders: Bucket, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWADMIN_INTERNAL_HOSTS", allowed)
    with pytest.raises(AccessDenied, match=r"host '127\.0\.0\.1' may not be reached"):
        RemoteFiles().test(orders.config)


def test_append_adds_a_file_per_run(orders: Bucket) -> None:
    target = write("out", format="parquet", mode="append")
    assert orders.run(READ, target, run_id="one").ok
    assert orders.run(READ, target, run_id="two").ok
    assert ids(orders) == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("mode", "path", "partition_by"),
    [
        ("append", "out", []),
        ("append", "out", ["country"]),
        ("replace", "out/x.parquet", []),
        ("replace", "out", ["country"]),
    ],
)
def test_the_same_run_loads_once(
    orders: Bucket, mode: str, path: str, partition_by: list[str]
) -> None:
    target = write(path, format="parquet", mode=mode, partition_by=partition_by)
    first, again = orders.run(READ, target), orders.run(READ, target)
    assert first.ok, first.failures
    assert ids(orders) == [1, 2, 3]
    assert first.nodes["write"].rows_out == again.nodes["write"].rows_out == 3
    assert not any("/staged-" in key for key in orders.keys("shop"))


def test_replacing_partitions_removes_the_old_ones(orders: Bucket) -> None:
    target = write("out", format="parquet", partition_by=["country"])
    assert orders.run(READ, target, run_id="one").ok
    orders.put("shop/orders.csv", "id,country\n9,IT\n")
    assert orders.run(READ, target, run_id="two").ok
    assert ids(orders) == [9]
    assert [key.split("/")[2] for key in orders.keys("shop/out")] == ["country=IT"]


def test_files_of_others_are_not_replaced(orders: Bucket) -> None:
    orders.put("shop/out/notes.txt", "mine")
    outcome = orders.run(READ, write("out", format="parquet", partition_by=["country"]))
    assert "holds 'out/notes.txt', which no load has written" in str(outcome.failures[0])


def test_a_manifest_says_what_was_loaded(orders: Bucket) -> None:
    assert orders.run(READ, write("out/copy.csv"), run_id="one").ok
    (key,) = orders.keys("shop/.flowadmin/out/copy.csv/load-")
    entry = json.loads(orders.get(key))
    content = orders.get("shop/out/copy.csv")
    assert (entry["run"], entry["rows"]) == ("one", 3)
    digest = hashlib.sha256(content).hexdigest()
    assert entry["files"] == [{"path": "copy.csv", "bytes": len(content), "sha256": digest}]


def test_a_load_that_was_decided_is_put_in_place_by_the_next(orders: Bucket) -> None:
    target = write("out", format="parquet", mode="append")
    assert orders.run(READ, target, run_id="one").ok
    (part,) = orders.keys("shop/out/")
    (manifest,) = orders.keys("shop/.flowadmin/out/load-")
    staged = json.loads(orders.get(manifest))["staged"]
    orders.put(f"shop/.flowadmin/out/{staged}/{part.rpartition('/')[2]}", orders.get(part))
    orders.client.delete_object(Bucket=orders.name, Key=part)
    assert orders.run(READ, target, run_id="two").ok
    assert ids(orders) == [1, 1, 2, 2, 3, 3]


def killed(bucket: Bucket, *steps: Step, when: Callable[[], bool]) -> None:
    """A run in a process of its own, killed as soon as ``when()``, unless it ends before."""
    process = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, cwd=ROOT)
    assert process.stdin
    process.stdin.write(bucket.plan(*steps).model_dump_json().encode())
    process.stdin.close()
    end = time.monotonic() + 60
    while process.poll() is None and not when() and time.monotonic() < end:
        time.sleep(0.005)
    process.kill()
    process.wait(60)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "path"), [("append", "out"), ("replace", "out/x.parquet")])
@pytest.mark.parametrize("moment", ["staged-", "load-"])
def test_a_killed_load_shows_all_or_nothing_and_a_retry_loads_once(
    bucket: Bucket, mode: str, path: str, moment: str
) -> None:
    lines = "".join(f"{i},DE\n" for i in range(50_000))
    bucket.put("shop/orders.csv", f"id,country\n{lines}")
    target = write(path, format="parquet", mode=mode)
    books = f"shop/.flowadmin/{path}/{moment}"
    killed(bucket, READ, target, when=lambda: bool(bucket.keys(books)))
    assert len(ids(bucket)) in (0, 50_000)
    assert bucket.run(READ, target).ok
    assert ids(bucket) == list(range(50_000))


def web(service: Service, path: str = "orders.csv", **config: Any) -> FileExtraction:
    return FileExtraction(table=TableName("", path), **config)


def test_files_of_the_web_are_read(service: Service, exchange: Exchange) -> None:
    service.answer = lambda path, query: (200, CSV.encode(), {})
    connections = {
        "exchange": PlanConnection(connector="remote_files", options={"url": f"{service.url}/pub"}),
        "files": PlanConnection(connector="files", options={"root": str(exchange.root)}),
    }
    steps = (READ, write("copy.csv", connection="files"))
    outcome = run(plan(steps, connections), run_id="r", secrets=lambda connection: {})
    assert outcome.ok, outcome.failures
    assert exchange.text("copy.csv") == CSV
    assert {path for path, _ in service.asked} == {"/pub/orders.csv"}


def test_a_file_that_the_web_does_not_have_is_named(service: Service) -> None:
    service.answer = lambda path, query: (404, "", {})
    config = RemoteFilesConfig(url=f"{service.url}/pub")
    with pytest.raises(TableNotFound, match=r"no file 'orders\.csv'"):
        RemoteFiles().describe(config, web(service))


def test_the_web_does_not_redirect_into_the_house(service: Service) -> None:
    port = service.url.rpartition(":")[2]
    to = {"Location": f"http://127.0.0.2:{port}/x"}
    service.answer = lambda path, query: (302, "", to)
    with pytest.raises(AccessDenied, match=r"127\.0\.0\.2"):
        RemoteFiles().describe(RemoteFilesConfig(url=f"{service.url}/pub"), web(service))


def test_the_web_is_read_only_and_knows_no_patterns(service: Service, exchange: Exchange) -> None:
    config = RemoteFilesConfig(url=f"{service.url}/pub")
    with pytest.raises(ConnectorError, match="cannot be listed; name one file"):
        RemoteFiles().describe(config, web(service, "*.csv"))
    options = {"url": f"{service.url}/pub"}
    given = {
        "exchange": PlanConnection(connector="remote_files", options=options),
        "files": PlanConnection(connector="files", options={"root": str(exchange.root)}),
    }
    exchange.write("in.csv", CSV)
    steps = (read("in.csv", connection="files"), write("out.csv"))
    (failure,) = run(plan(steps, given), run_id="r", secrets=lambda connection: {}).failures
    assert "can only be read" in failure.message


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "ftp://host/x"},
        {"url": "s3://"},
        {"url": "s3://b"},
        {"url": "s3://bucket/../x"},
        {"url": "s3://bucket/*"},
        {"url": "https://u:p@host/x"},
        {"url": "https://host/x?y=1"},
        {"url": "s3://bucket/x", "endpoint": "host:9000"},
        {"url": "https://host/x", "access_key": "a"},
        {"url": "file:///etc"},
    ],
)
def test_what_is_no_prefix_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="RemoteFilesConfig"):
        RemoteFilesConfig.model_validate(settings)
