"""Every way HTTP can fail is said in the gateway's words."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from workers.prefect.client import HttpGateway
from workers.prefect.gateway import GatewayError, NotThere, PrefectRefused, PrefectUnreachable
from workers.prefect.transport import HTTPX_ERRORS, Transport


def exceptions_of(module: object) -> Iterator[type[Exception]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Exception):
            yield value


@contextmanager
def server(*answers: bytes) -> Iterator[str]:
    """Gives one canned answer per connection, then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for answer in answers:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        thread.join(timeout=5)


def answer(status: int, body: bytes = b"{}") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def test_no_exception_of_httpx_is_forgotten() -> None:
    forgotten = [error for error in exceptions_of(httpx) if not issubclass(error, HTTPX_ERRORS)]

    assert forgotten == []


def test_nobody_at_the_address_is_unreachable_and_says_what_to_do() -> None:
    with pytest.raises(PrefectUnreachable, match="PREFECT_API_URL"):
        Transport("http://127.0.0.1:9/api").get("/health")
    assert HttpGateway("http://127.0.0.1:9/api").is_healthy() is False


def test_an_address_that_is_none_is_unreachable() -> None:
    with pytest.raises(PrefectUnreachable):
        Transport("no-scheme").get("/health")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, PrefectUnreachable),
        (503, PrefectUnreachable),
        (429, PrefectUnreachable),
        (401, PrefectUnreachable),
        (404, NotThere),
        (409, PrefectRefused),
        (422, PrefectRefused),
    ],
)
def test_each_status_has_its_error(status: int, error: type[GatewayError]) -> None:
    with server(answer(status, b'{"detail": "why"}')) as url, pytest.raises(error, match="why"):
        Transport(url).send("POST", "/x")


def test_a_refusal_names_the_field_and_hides_its_input() -> None:
    body = b'{"detail": [{"loc": ["body", "name"], "msg": "too long", "input": "canary"}]}'
    with server(answer(422, body)) as url, pytest.raises(PrefectRefused) as refusal:
        Transport(url).send("POST", "/x")
    assert "body.name: too long" in str(refusal.value)
    assert "canary" not in str(refusal.value)


def test_a_page_instead_of_json_is_unreachable() -> None:
    with server(answer(200, b"<html>")) as url, pytest.raises(PrefectUnreachable, match="JSON"):
        Transport(url).get("/x")


def test_a_broken_connection_is_tried_again_once_when_that_does_no_harm() -> None:
    with server(b"", answer(200, b"7")) as url:
        assert Transport(url).get("/x") == 7


def test_a_broken_connection_is_not_tried_again_when_that_could_do_it_twice() -> None:
    with server(b"") as url, pytest.raises(PrefectUnreachable):
        Transport(url).send("POST", "/x")
