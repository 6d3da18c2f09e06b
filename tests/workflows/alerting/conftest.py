"""Real receivers: a mail server and a web server that keep what they are sent."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from factories import AlertChannelFactory, AlertRuleFactory, TeamFactory

from workflows.models import AlertChannel, AlertRule, Team


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """``answers`` are given one after the other; 200 when there are none left."""

    url: str
    got: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append(Received(dict(self.headers), body))
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Tests print what they want themselves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    monkeypatch.setenv("FLOWADMIN_INTERNAL_HOSTS", "127.0.0.0/8")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class MailServer:
    got: list[str] = field(default_factory=list)
    refuses: bool = False


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    """Speaks as much SMTP as it takes to hand over a message."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline().strip().upper():
                if line.startswith(b"RCPT") and kept.refuses:
                    self.wfile.write(b"550 nobody of that name\r\n")
                elif line == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    kept.got.append(self._message())
                    self.wfile.write(b"250 taken\r\n")
                else:
                    self.wfile.write(b"221 bye\r\n" if line == b"QUIT" else b"250 ok\r\n")

        def _message(self) -> str:
            lines = list(iter(self.rfile.readline, b".\r\n"))
            return b"".join(lines).decode()

    kept = MailServer()
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def team(db) -> Team:
    return TeamFactory(name="Shop", slug="shop")


@pytest.fixture
def hook(team: Team, receiver: Receiver) -> AlertChannel:
    return AlertChannelFactory(team=team, kind="webhook", options={"url": receiver.url})


@pytest.fixture
def make_rule(team: Team, hook: AlertChannel) -> Callable[..., AlertRule]:
    """A rule of the team that tells the web server."""

    def make(**changes: Any) -> AlertRule:
        return AlertRuleFactory(**{"team": team, "channels": [hook], **changes})

    return make
