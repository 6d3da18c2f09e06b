"""The web server as a part: the stack and the tests start the same one."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from flowadmin.embedded.part import Claim, Part, answers

#: Viewers of live pages hold a connection each; more than this wait to be let in.
CONNECTIONS = 4096
#: Connections to the database that its requests share.
_POOL = {"FLOWADMIN_DATABASE_POOL": "8"}


def web(port: int, env: Mapping[str, str], after: tuple[str, ...] = ()) -> Part:
    return Part(
        name="web",
        command=(sys.executable, "-m", "granian", *options(port), "flowadmin.asgi:application"),
        env={**_POOL, **env},
        after=after,
        claim=Claim(port, "FLOWADMIN_WEB_PORT"),
        is_ready=lambda: answers(f"http://127.0.0.1:{port}/admin/login/"),
    )


def options(port: int) -> tuple[str, ...]:
    address = ("--interface", "asgi", "--host", "127.0.0.1", "--port", str(port))
    room = ("--backlog", str(CONNECTIONS), "--backpressure", str(CONNECTIONS))
    return (*address, *room, "--log-level", "warning")
