"""Rows of HTTP services: pages, types, patience, and errors that say which page."""

from __future__ import annotations

import email.utils
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from exchange import Exchange
from service import Service, read, write

from engine.connectors.http import Http
from engine.connectors.http.config import HttpConfig
from engine.errors import AccessDenied, ConnectorError, Interrupted, TableNotFound, Unreachable
from engine.media.requests import Paging, ResponseField, RestExtraction
from engine.transfer import TableName

ROWS = [{"id": i, "name": f"n{i}"} for i in range(7)]
EVERY = [(row["id"], row["name"]) for row in ROWS]


def asked(path: str = "orders", **settings: Any) -> RestExtraction:
    return RestExtraction(table=TableName("", path), **settings)


def by_page(path: str, query: dict[str, str]) -> Any:
    page, size = int(query["page"]), int(query.get("size", 3))
    return {"data": {"items": ROWS[(page - 1) * size : page * size]}}


def by_offset(path: str, query: dict[str, str]) -> Any:
    start = int(query["skip"])
    return ROWS[start : start + int(query.get("take", 3))]


def by_cursor(path: str, query: dict[str, str]) -> Any:
    start = int(query.get("after", 0))
    return {"rows": ROWS[start : start + 3], "next": start + 3 if start + 3 < 7 else None}


def by_address(path: str, query: dict[str, str]) -> Any:
    start = int(query.get("from", 0))
    following = f"/v1/orders?from={start + 3}" if start + 3 < 7 else ""
    return {"rows": ROWS[start : start + 3], "next": following}


def by_link(path: str, query: dict[str, str]) -> Any:
    start = int(query.get("from", 0))
    link = {"Link": f'</v1/orders?from={start + 3}>; rel="next"'} if start + 3 < 7 else {}
    return 200, ROWS[start : start + 3], link


@pytest.mark.parametrize(
    ("answer", "rows", "paging", "requests"),
    [
        (by_page, "data.items", Paging("page", "page"), 4),
        (by_page, "data.items", Paging("page", "page", size_parameter="size", size=4), 2),
        (by_offset, "", Paging("offset", "skip", first=0), 4),
        (by_offset, "", Paging("offset", "skip", first=0, size_parameter="take", size=4), 2),
        (by_cursor, "rows", Paging("cursor", "after", next_path="next"), 3),
        (by_address, "rows", Paging("cursor", next_path="next"), 3),
        (by_link, "", Paging("link"), 3),
    ],
)
def test_every_page_is_read_once(
    service: Service,
    answer: Callable[[str, dict[str, str]], Any],
    rows: str,
    paging: Paging,
    requests: int,
) -> None:
    service.answer = answer
    fields = (ResponseField("id", "id", "BIGINT"), ResponseField("name", "name", "VARCHAR"))
    assert service.rows(asked(rows=rows, paging=paging, fields=fields)) == EVERY
    assert len(service.asked) == requests


def test_types_come_from_the_first_page(service: Service) -> None:
    service.answer = lambda path, query: [
        {"i": 1, "f": 1, "t": "x", "b": True, "o": {"a": 1}, "m": 1, "n": None},
        {"i": 2, "f": 0.5, "t": None, "b": False, "o": {}, "m": "x", "n": None},
    ]
    schema = Http().describe(service.config(), asked())
    assert {column.name: column.type for column in schema} == {
        "i": "BIGINT",
        "f": "DOUBLE",
        "t": "VARCHAR",
        "b": "BOOLEAN",
        "o": "JSON",
        "m": "JSON",
        "n": "JSON",
    }


def test_declared_columns_are_read_exactly_and_from_inside(service: Service) -> None:
    service.answer = lambda path, query: (
        200,
        b'[{"a": {"total": 12345678901234567890.12, "when": "2026-03-01T12:00:00+02:00"},'
        b' "raw": [1.10, {"x": null}], "text": "7"}]',
        {},
    )
    fields = (
        ResponseField("a.total", "total", "DECIMAL(22,2)"),
        ResponseField("a.when", "at", "TIMESTAMP WITH TIME ZONE"),
        ResponseField("raw", "raw", "JSON"),
        ResponseField("text", "number", "INTEGER"),
        ResponseField("gone", "gone", "VARCHAR"),
    )
    ((total, at, raw, number, gone),) = service.rows(asked(fields=fields))
    assert str(total) == "12345678901234567890.12"
    assert at.isoformat() == "2026-03-01T10:00:00+00:00"
    assert (raw, number, gone) == ('[1.10, {"x": null}]', 7, None)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"rows": [{"id": 1}', "page 2 of .* is no JSON .* expected a JSON document"),
        (b"<html>oops</html>", "page 2 of .* begins with '<html>oops</html>'"),
        (b'{"error": "x"}', "page 2 of .* expected a list of objects at 'rows', found nothing"),
        (b'{"rows": "x"}', "page 2 of .* expected a list of objects at 'rows', found text"),
        (b'{"rows": [{"id": 1}, 5]}', "page 2 of .* found a number at 1"),
        (b'{"rows": [{"id": NaN}]}', "page 2 of .* is no JSON .NaN is no number"),
        (
            b'{"rows": [{"id": "x"}]}',
            "page 2 of 'orders', column 'id': \"x\" cannot be read exactly",
        ),
        (b'{"rows": [{"id": 9223372036854775808}]}', "page 2 of 'orders', column 'id'"),
    ],
)
def test_a_page_that_is_not_as_expected_is_named(service: Service, body: bytes, said: str) -> None:
    first = {"rows": [{"id": 1}], "next": 2}
    service.answer = lambda path, query: (200, body, {}) if query else first
    paging = Paging("cursor", "after", next_path="next")
    with pytest.raises(ConnectorError, match=said):
        service.rows(asked(rows="rows", paging=paging))


def test_more_pages_than_allowed_fail_instead_of_being_left_out(service: Service) -> None:
    service.answer = by_page
    paging = Paging("page", "page", max_pages=2)
    with pytest.raises(ConnectorError, match="more than 2 pages; nothing is left out silently"):
        service.rows(asked(rows="data.items", paging=paging))


def test_a_cursor_that_leads_in_a_circle_is_noticed(service: Service) -> None:
    service.answer = lambda path, query: {"rows": [{"id": 1}], "next": "same"}
    with pytest.raises(ConnectorError, match="found one that came before"):
        service.rows(asked(rows="rows", paging=Paging("cursor", "after", next_path="next")))


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_is_busy_is_asked_again_when_it_says(service: Service, status: int) -> None:
    soon = email.utils.formatdate(time.time() - 5, usegmt=True)
    replies = iter([(status, "", {"Retry-After": "0"}), (status, "", {"Retry-After": soon})])
    service.answer = lambda path, query: next(replies, [{"id": 1}])
    assert service.rows(asked(fields=(ResponseField("id", "id", "BIGINT"),))) == [(1,)]
    assert len(service.asked) == 3


def test_patience_ends(service: Service) -> None:
    service.answer = lambda path, query: (429, {"detail": "slow down"}, {"Retry-After": "0"})
    with pytest.raises(Unreachable, match=r"answers 429: .*slow down"):
        service.rows(asked(), options={"retries": 1})
    assert len(service.asked) == 2


@pytest.mark.parametrize(
    ("status", "error"), [(401, AccessDenied), (403, AccessDenied), (404, TableNotFound)]
)
def test_a_refusal_is_not_repeated(
    service: Service, status: int, error: type[ConnectorError]
) -> None:
    service.answer = lambda path, query: (status, {"detail": "no"}, {})
    with pytest.raises(error, match=f"answers {status}"):
        service.rows(asked())
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("settings", "header", "value"),
    [
        ({"auth": "basic", "user": "u", "password": "p"}, "Authorization", "Basic dTpw"),
        ({"auth": "bearer", "token": "t0ken"}, "Authorization", "Bearer t0ken"),
        ({"auth": "api_key", "token": "t0ken"}, "X-API-Key", "t0ken"),
        ({"headers": {"X-Tenant": "7"}}, "X-Tenant", "7"),
    ],
)
def test_requests_show_who_sends_them(
    service: Service, settings: dict[str, Any], header: str, value: str
) -> None:
    assert Http().test(service.config(**settings)) == f"'{service.url}/v1' answers 200"
    assert service.headers[0][header] == value


def test_a_key_in_the_query_is_sent_and_never_shown(service: Service) -> None:
    service.answer = lambda path, query: (500, f"bad {query['key']}", {})
    secret = {"auth": "api_key", "api_key_in": "query", "api_key_name": "key", "token": "s3cret"}
    with pytest.raises(ConnectorError) as caught:
        service.rows(asked(), **secret, options={"retries": 0})
    assert service.asked[0][1] == {"key": "s3cret"}
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("where", ["http://localhost:{port}/v1/x", "//example.com/x"])
def test_credentials_do_not_follow_a_redirect_elsewhere(service: Service, where: str) -> None:
    port = service.url.rpartition(":")[2]
    service.answer = lambda path, query: (302, "", {"Location": where.format(port=port)})
    with pytest.raises(AccessDenied, match="credentials go there only"):
        service.rows(asked(), auth="bearer", token="t")
    assert len(service.asked) == 1


def test_a_redirect_within_the_service_is_followed(service: Service) -> None:
    moved = (301, "", {"Location": "/v2/orders"})
    service.answer = lambda path, query: moved if path == "/v1/orders" else [{"id": 1}]
    assert service.rows(asked()) == [(1,)]


def test_a_next_page_elsewhere_is_refused(service: Service) -> None:
    service.answer = lambda path, query: {"rows": [], "next": "https://example.com/x"}
    with pytest.raises(AccessDenied, match=r"'https://example\.com/x' is not at"):
        service.rows(
            asked(
                rows="rows",
                paging=Paging("cursor", next_path="next"),
                fields=(ResponseField("id", "id", "BIGINT"),),
            )
        )


def test_an_answer_that_is_too_large_is_not_read_to_its_end(service: Service) -> None:
    service.answer = lambda path, query: (200, b" " * (2 << 20), {})
    with pytest.raises(ConnectorError, match="has more than 1 MB"):
        service.rows(asked(), options={"max_answer_mb": 1})


def test_a_service_that_is_silent_is_unreachable(service: Service) -> None:
    config = HttpConfig.model_validate(
        {"base_url": "http://127.0.0.1:1", "options": {"retries": 0}}
    )
    with pytest.raises(Unreachable, match="does not answer"):
        Http().test(config)


def test_a_pause_ends_when_the_rows_are_no_longer_wanted(service: Service) -> None:
    service.answer = lambda path, query: (503, "", {"Retry-After": "60"})
    fields = (ResponseField("id", "id", "BIGINT"),)
    config = service.config()
    stream = Http().stream(
        config, asked(fields=fields), Http().describe(config, asked(fields=fields))
    )
    timer = threading.Timer(0.3, stream.stop)
    timer.start()
    with pytest.raises(Interrupted, match="no longer wanted"):
        list(stream.batches)
    timer.join()
    # The pause would end in a second question.
    assert len(service.asked) == 1


def test_requests_keep_to_their_rate(service: Service) -> None:
    service.answer = by_page
    started = time.monotonic()
    fields = (ResponseField("id", "id", "BIGINT"),)
    extraction = asked(rows="data.items", paging=Paging("page", "page"), fields=fields)
    service.rows(replace(extraction, requests_per_second=20))
    assert time.monotonic() - started > 3 * 0.05


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "ftp://example.com"},
        {"base_url": "https://u:p@example.com"},
        {"base_url": "https://example.com/?a=1"},
        {"base_url": "example.com"},
        {"headers": {"Authorization": "x"}},
        {"headers": {"X": "a\nb"}},
        {"auth": "basic"},
        {"auth": "bearer", "base_url": "http://example.com"},
    ],
)
def test_a_connection_that_would_leak_or_guess_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="HttpConfig"):
        HttpConfig.model_validate({"base_url": "https://example.com", **settings})


def test_a_run_reads_pages_and_decides_the_filter(service: Service, exchange: Exchange) -> None:
    service.answer = by_page
    source = read(
        rows="data.items",
        filter="id > $least",
        query={"since": "$since"},
        paging={"style": "page", "parameter": "page"},
    )
    parameters = {"least": 4, "since": "2026-01-01"}
    files = {"root": str(exchange.root)}
    outcome = service.run(source, write("out.csv"), files=files, parameters=parameters)
    assert outcome.ok, outcome.failures
    assert sorted(exchange.text("out.csv").split()) == ["5,n5", "6,n6", "id,name"]
    assert all(query["since"] == "2026-01-01" for _, query in service.asked)


def test_a_parameter_that_is_not_there_is_an_issue(service: Service, exchange: Exchange) -> None:
    files = {"root": str(exchange.root)}
    service.answer = lambda path, query: [{"id": 1}]
    outcome = service.run(read(query={"since": "$sinse"}), write("out.csv"), files=files)
    assert "unknown parameter '$sinse'" in str(outcome.failures[0])


def test_a_page_that_breaks_off_fails_its_node(service: Service, exchange: Exchange) -> None:
    service.answer = lambda path, query: by_page(path, query) if query["page"] != "3" else "x"
    files = {"root": str(exchange.root)}
    source = read(rows="data.items", paging={"style": "page", "parameter": "page"})
    (failure,) = service.run(source, write("out.csv"), files=files).failures
    assert (failure.step, failure.code) == ("read", "E_PAGE")
    assert "page 3 of" in failure.message
    assert exchange.names() == []
