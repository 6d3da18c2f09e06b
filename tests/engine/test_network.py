"""No connection leads where the operator does not want it to, however the address is written."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from engine.connectors.http.transport import CheckedTransport
from engine.connectors.mongodb import Mongodb
from engine.connectors.mongodb.config import MongodbConfig
from engine.connectors.postgresql import Postgresql
from engine.connectors.postgresql.config import PostgresqlConfig
from engine.errors import AccessDenied, Unreachable
from engine.network import Reach, addresses, check

INTERNAL = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "localhost",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fd12:3456::1",
]
NOWHERE = [
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "fe80::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.0",
    "0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
]


class _Door(BaseHTTPRequestHandler):
    """Answers, or sends on to what the query says."""

    def do_GET(self) -> None:
        to = self.path.partition("?to=")[2]
        self.send_response(302 if to else 200)
        if to:
            self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def door() -> Iterator[int]:
    """The port of a real server on every address of the loopback interface."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def get(url: str) -> httpx.Response:
    with httpx.Client(transport=CheckedTransport(), follow_redirects=True, timeout=5) as client:
        return client.get(url)


def in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@pytest.fixture(autouse=True)
def _nothing_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWADMIN_INTERNAL_HOSTS", raising=False)


@pytest.mark.parametrize("host", [*INTERNAL, *NOWHERE])
def test_http_does_not_reach_what_is_not_public(door: int, host: str) -> None:
    with pytest.raises((AccessDenied, Unreachable, httpx.InvalidURL)):
        get(f"http://{in_url(host)}:{door}/")


@pytest.mark.parametrize("host", NOWHERE)
def test_databases_do_not_reach_metadata_services(host: str) -> None:
    with pytest.raises((AccessDenied, Unreachable)):
        addresses(host, 80, Reach.PRIVATE)


@pytest.mark.parametrize("host", INTERNAL)
def test_databases_live_on_private_addresses(host: str) -> None:
    try:
        assert addresses(host, 5432, Reach.PRIVATE)
    except Unreachable:
        assert not host[0].isdigit() or ":" in host, "this machine has no IPv6"


@pytest.mark.parametrize("allowed", ["localhost", "LOCALHOST", "local*", "127.0.0.0/8,::1"])
def test_the_operator_allows_hosts_and_networks(
    door: int, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWADMIN_INTERNAL_HOSTS", f"*.corp.example, {allowed}")
    assert get(f"http://localhost:{door}/").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"])
def test_a_redirect_is_checked_again(door: int, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWADMIN_INTERNAL_HOSTS", "localhost")
    with pytest.raises(AccessDenied, match="may not be reached"):
        get(f"http://localhost:{door}/?to=http://{host}:{door}/")


def test_an_allowed_name_does_not_open_metadata_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWADMIN_INTERNAL_HOSTS", "169.254.169.25*,*")
    with pytest.raises(AccessDenied):
        addresses("169.254.169.254", 80, Reach.PUBLIC)
    monkeypatch.setenv("FLOWADMIN_INTERNAL_HOSTS", "169.254.0.0/16")
    assert addresses("169.254.169.254", 80, Reach.PUBLIC) == ["169.254.169.254"]


def test_what_is_checked_is_what_is_connected_to(
    door: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that stands for another address at every look-up."""
    answers = iter(["8.8.8.8", "127.0.0.1"])
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, port, *a, **k: [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))
        ],
    )
    connected: list[Any] = []

    def connect(address: Any, *args: Any, **kwargs: Any) -> Any:
        connected.append(address)
        raise OSError("nobody is there")

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(Exception, match="nobody is there"):
        get(f"http://rebinding.example:{door}/")
    assert connected == [("8.8.8.8", door)]


def test_the_connectors_of_databases_ask_before_they_connect() -> None:
    shop = {"database": "d", "user": "u"}
    with pytest.raises(AccessDenied, match=r"169\.254\.169\.254"):
        Postgresql().test(PostgresqlConfig(host="169.254.169.254", **shop))
    with pytest.raises(AccessDenied, match=r"169\.254\.169\.254"):
        Mongodb().test(MongodbConfig(hosts="db.invalid,169.254.169.254:80", **shop))


def test_a_name_that_nobody_knows_is_left_to_the_driver() -> None:
    check("db.invalid", 5432)
