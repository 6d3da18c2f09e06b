"""Tells a pool's worker that a run waits, so that it need not be polled for often."""

from __future__ import annotations

import logging

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from engine.warm.waking import channel

logger = logging.getLogger(__name__)
_made: dict[str, Redis] = {}


def wake(pool: str) -> None:
    """Best effort: without it the worker finds the run at its next poll."""
    url = settings.FLOWADMIN_WAKE_URL
    if not url:
        return
    try:
        if url not in _made:
            _made[url] = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        _made[url].publish(channel(pool), b"")
    except RedisError as error:
        logger.warning("could not wake the worker of '%s': %s", pool, error)
