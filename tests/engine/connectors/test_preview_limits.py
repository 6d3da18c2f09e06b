"""The limit of a preview is the source's own to keep, whatever the source is.

Behind the limit of each source is a row that cannot be read: a preview that succeeds did not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import service as http
import shelf as documents
from mariadb import Shop, mariadb_connection
from pipelines import plan, source
from service import Service
from shelf import Shelf

from engine.plan import PlanConnection, Step
from engine.previews.previewing import Preview, preview
from engine.samples.sample import Extent

FEW = Extent(rows=5, source_rows=10)


def shown(steps: Sequence[Step], **connections: PlanConnection) -> Preview:
    given = plan(steps, connections)
    return preview(
        given, "read", secrets=lambda c: {"password": c.sealed} if c.sealed else {}, extent=FEW
    )


@pytest.mark.parametrize("config", [{"table": "s"}, {"sql": "select i from s where ':x' <> '%'"}])
def test_a_driver_is_asked_for_few_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]
) -> None:
    monkeypatch.setenv("FLOWADMIN_FILE_ROOTS", str(tmp_path))
    with sqlite3.connect(tmp_path / "a.db") as made:
        made.execute("create table s (i integer)")
        made.executemany("insert into s values (?)", [(i,) for i in range(2000)])
        made.execute("insert into s values ('no number')")
    made.close()
    options = {"dialect": "sqlite", "database": str(tmp_path / "a.db")}
    place = PlanConnection(connector="sqlalchemy", options=options)
    found = shown([source("read", **config)], source=place)
    assert (found.rows, len(found.sample.rows)) == ({"read": 10}, 5)
    assert not found.sample.is_complete


def test_mysql_is_asked_for_few_rows(shop: Shop) -> None:
    shop.sql("create table s (d date)", "insert into s select now() from seq_1_to_20")
    shop.sql("set sql_mode = ''", "insert into s values ('0000-00-00')")
    assert shown([source("read", "s")], source=mariadb_connection(shop.url)).rows == {"read": 10}


@pytest.mark.parametrize("filtered", [{}, {"filter": "i % 2 = 0"}])
def test_mongodb_is_asked_for_few_documents(shelf: Shelf, filtered: dict[str, str]) -> None:
    shelf.put("s", *({"_id": i, "i": i} for i in range(2000)), {"_id": 2000, "i": "no number"})
    read = documents.read("s", fields=[{"path": "i", "type": "integer"}], **filtered)
    place = PlanConnection(connector="mongodb", options=shelf.options)
    assert shown([read], shelf=place).rows == {"read": 10}


def test_a_service_is_asked_for_few_pages(service: Service) -> None:
    service.answer = lambda path, query: [{"i": int(query["page"])}] * 4
    paging = {"style": "page", "parameter": "page"}
    columns = [{"path": "i", "name": "i", "type": "integer"}]
    read = http.read(paging=paging, filter="i < 0", columns=columns)
    place = PlanConnection(connector="http", options={"base_url": f"{service.url}/v1"})
    shown([read], service=place)
    assert [query["page"] for _, query in service.asked] == ["1", "2", "3"]
