"""The address ``/sse/`` beside Django: a view there would hold a thread per browser."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings

from workers.pages.zones import COOKIE, zone_of
from workflows.streams.audience import Login
from workflows.streams.hub import Gone, Hub, Listener
from workflows.streams.stopping import call_on_stop
from workflows.streams.ticket import BadTicket, read
from workflows.streams.topic import Topic
from workflows.streams.watcher import Watcher

PATH = "/sse/"
#: Proxies close what is silent for longer than some 30 s.
PING_SECONDS = 15.0

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_EVENTS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Streams:
    """Serves ``/sse/`` and the server's start and stop; all else is ``django``'s."""

    def __init__(self, django: Application, topics: Mapping[str, Topic]) -> None:
        self._django = django
        self._topics = topics
        self._hub: Hub | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["path"] == PATH:
            await self._serve(scope, receive, send)
        else:
            await self._django(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """The server's start and stop."""
        await receive()
        self._hub = Hub(Watcher(self._topics))
        call_on_stop(self._hub.end_all)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._hub.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await _refuse(send, 405, "only GET is served here")
            return
        try:
            login = _login(scope)
        except BadTicket as error:
            await _refuse(send, 403, f"the ticket is not valid ({error}); ask for a new one")
            return
        assert self._hub is not None, "the server must speak ASGI's lifespan protocol"
        await _stream(self._hub, Listener(login, _header(scope, b"last-event-id")), receive, send)


async def _stream(hub: Hub, listener: Listener, receive: Receive, send: Send) -> None:
    """Send until one side ends it; what the browser has already is not sent again."""
    await send({"type": "http.response.start", "status": 200, "headers": _EVENTS})
    await _chunk(send, b"retry: 3000\n\n")
    left = asyncio.ensure_future(_left(receive, listener))
    hub.join(listener)
    try:
        while True:
            await _chunk(send, await _news_or_ping(listener))
    except Gone as gone:
        if gone.is_refused:
            await _chunk(send, b"event: refused\ndata: {}\n\n")
    finally:
        hub.leave(listener)
        left.cancel()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _news_or_ping(listener: Listener) -> bytes:
    """Raises Gone."""
    try:
        async with asyncio.timeout(PING_SECONDS):
            return await listener.news()
    except TimeoutError:
        return b":\n\n"


async def _left(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.end(is_refused=False)


async def _chunk(send: Send, content: bytes) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": True})


async def _refuse(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


def _login(scope: Scope) -> Login:
    """Raises BadTicket."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    ticket = read(query.get("ticket", [""])[0])
    cookies = SimpleCookie(_header(scope, b"cookie"))
    sent = {name: morsel.value for name, morsel in cookies.items()}
    zone = zone_of(sent.get(COOKIE, "")) or UTC
    if ticket.is_token:
        return Login(ticket, _header(scope, b"authorization").removeprefix("Bearer "), zone)
    return Login(ticket, sent.get(settings.SESSION_COOKIE_NAME, ""), zone)


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
