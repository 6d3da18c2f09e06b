"""Word that a run waits, over Redis: one channel per pool."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger("flowadmin.worker")

RETRY_SECONDS = 5.0


def channel(pool: str) -> str:
    return f"flowadmin:wake:{pool}"


class WakeListener:
    """Calls ``on_wake`` for each word; ``is_listening`` says whether polling may be rarer."""

    def __init__(self, url: str, pool: str, on_wake: Callable[[], None]) -> None:
        self._url = url
        self._channel = channel(pool)
        self._on_wake = on_wake
        self.is_listening = False

    def start(self) -> None:
        threading.Thread(target=self._listen_forever, name="wake", daemon=True).start()

    def _listen_forever(self) -> None:
        while True:
            try:
                self._listen()
            except RedisError as error:
                logger.warning("no word from Redis (%s); polling", error)
            self.is_listening = False
            time.sleep(RETRY_SECONDS)

    def _listen(self) -> None:
        with Redis.from_url(self._url, health_check_interval=30) as redis, redis.pubsub() as words:
            words.subscribe(self._channel)
            for word in words.listen():
                self.is_listening = True
                if word["type"] == "message":
                    self._on_wake()
