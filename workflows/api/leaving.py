"""Who asked may hang up while the answer is made: an ASGI layer notices, and views may look."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request

from workflows.streams.asgi import Application, Receive, Scope, Send

_LEFT = "flowadmin.left"


class Leaving:
    """``inner`` waits for a disconnection as long as it makes an answer; Django's handler does."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = threading.Event()

        async def noticing() -> Mapping[str, Any]:
            message = await receive()
            if message["type"] == "http.disconnect":
                left.set()
            return message

        await self._inner({**scope, _LEFT: left}, noticing, send)


def has_left(request: Request) -> bool:
    """Whether nobody waits for the answer any more; False where the server does not say."""
    left = getattr(request, "scope", {}).get(_LEFT)
    return left is not None and left.is_set()
