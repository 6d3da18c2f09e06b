"""From page to page of a service, until there is no more."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import jmespath

from engine.connectors.http.client import Answer, Client, parse
from engine.errors import ConnectorError
from engine.media.requests import Paging, RestExtraction

Row = dict[str, Any]


def pages(client: Client, extraction: RestExtraction) -> Iterator[list[Row]]:
    """The rows of each page. Raises ``ConnectorError`` naming the page that is not as expected."""
    url, query = client.url_of(extraction.path), _first_query(extraction)
    seen: set[tuple[str, ...]] = set()
    paging = extraction.paging
    for number in range(1, paging.max_pages + 1):
        started = time.monotonic()
        answer = client.get(url, query)
        body = parse(answer, number)
        rows = rows_of(body, extraction.rows, number, answer)
        yield rows
        following = _next(client, paging, answer, body, query, len(rows))
        if following is None:
            return
        url, query = following
        place = (url, *(f"{name}={value}" for name, value in sorted(query.items())))
        if place in seen:
            raise _wrong(number, answer, "another page to follow", "one that came before")
        seen.add(place)
        if extraction.requests_per_second:
            spent = time.monotonic() - started
            client.pause(max(0.0, 1 / extraction.requests_per_second - spent))
    raise ConnectorError(
        f"'{extraction.path}' has more than {paging.max_pages} pages; nothing is left out "
        "silently: raise max_pages, or ask for larger pages",
        code="E_PAGE",
        permanent=True,
    )


def rows_of(body: Any, path: str, number: int, answer: Answer) -> list[Row]:
    """The rows of a page: a list of objects, or one object."""
    found = jmespath.search(path, body) if path else body
    where = f"at '{path}'" if path else "as the whole answer"
    rows = [found] if isinstance(found, dict) else found
    if not isinstance(rows, list):
        raise _wrong(number, answer, f"a list of objects {where}", _name(found))
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise _wrong(number, answer, f"objects in the list {where}", f"{_name(row)} at {index}")
    return rows


def _first_query(extraction: RestExtraction) -> dict[str, str]:
    paging = extraction.paging
    query = dict(extraction.query)
    if paging.size_parameter and paging.size:
        query[paging.size_parameter] = str(paging.size)
    if paging.style in ("page", "offset"):
        query[paging.parameter] = str(paging.first)
    return query


def _next(
    client: Client,
    paging: Paging,
    answer: Answer,
    body: Any,
    query: Mapping[str, str],
    rows: int,
) -> tuple[str, dict[str, str]] | None:
    """Address and query of the page that follows; None after the last."""
    url = answer.url.partition("?")[0]
    match paging.style:
        case "page" | "offset":
            if not rows or (paging.size and rows < paging.size):
                return None
            step = 1 if paging.style == "page" else rows
            return url, {**query, paging.parameter: str(int(query[paging.parameter]) + step)}
        case "cursor":
            cursor = jmespath.search(paging.next_path, body)
            if cursor in (None, "", False):
                return None
            if paging.parameter:
                return url, {**query, paging.parameter: str(cursor)}
            return _absolute(client, answer, str(cursor)), {}
        case "link" if answer.next_link:
            return client.url_of(answer.next_link), {}
    return None


def _absolute(client: Client, answer: Answer, link: str) -> str:
    from urllib.parse import urljoin

    return client.url_of(urljoin(answer.url, link))


def _wrong(number: int, answer: Answer, expected: str, found: str) -> ConnectorError:
    url = answer.url.partition("?")[0]
    return ConnectorError(
        f"page {number} of '{url}': expected {expected}, found {found}; check the node's paths "
        "against an answer of the service",
        code="E_PAGE",
        permanent=True,
    )


def _name(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {bool: "true or false", str: "text", dict: "an object", list: "a list"}
    return names.get(type(value), "a number")
