"""Looks at the database for all viewers at once; the blocking half of the hub.

One thread calls it, so that it has one connection. A look costs one query as long as nothing
changes, and what did change is made once per audience, not per viewer.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from django.db import connection
from django.utils import timezone

from workflows.streams.audience import Audience, Login, audiences
from workflows.streams.shown import Parts, Shown, shown
from workflows.streams.topic import Topic, split

log = logging.getLogger(__name__)

#: So long may somebody look on who has lost the right to.
RIGHTS_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class View:
    """What a login may look at; equal for all who may look at the same."""

    audience: Audience
    topics: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    mark: str
    parts: Parts


class Watcher:
    def __init__(
        self, topics: Mapping[str, Topic], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._topics = topics
        self._clock = clock
        self._views: dict[Login, View] = {}
        self._seen: dict[tuple[str, Audience], _Seen] = {}
        self._shown: dict[View, Shown] = {}
        self._checked = float("-inf")

    def look(self, logins: Collection[Login]) -> Mapping[Login, Shown]:
        """What each may see now; whoever is missing has no right to anything any more."""
        self._check_rights(logins)
        views = set(self._views.values())
        wanted = {(topic, view.audience) for view in views for topic in view.topics}
        marks = self._marks({topic for topic, _ in wanted})
        self._seen = {
            (topic, audience): self._current(topic, audience, marks[topic])
            for topic, audience in wanted
            if topic in marks
        }
        self._shown = {view: self._show(view) for view in views}
        return {login: self._shown[view] for login, view in self._views.items()}

    def _show(self, view: View) -> Shown:
        """What was shown before, unless a part of it is another now."""
        found = (self._seen.get((topic, view.audience)) for topic in view.topics)
        now = shown(seen.parts for seen in found if seen)
        before = self._shown.get(view)
        return before if before and before.id == now.id else now

    def close(self) -> None:
        """Give the database connection of this thread back."""
        self._checked = float("-inf")
        self._views = {}
        self._seen = {}
        self._shown = {}
        connection.close()

    def _check_rights(self, logins: Collection[Login]) -> None:
        """Of all logins from time to time, else of new ones only."""
        present = set(logins)
        now = self._clock()
        if now - self._checked >= RIGHTS_SECONDS:
            self._checked = now
            self._views = self._let_in(present)
        else:
            self._views = {login: self._views[login] for login in present & self._views.keys()} | (
                self._let_in(present - self._views.keys())
            )

    def _let_in(self, logins: Set[Login]) -> dict[Login, View]:
        if not logins:
            return {}
        known = audiences(logins)
        asked: dict[Audience, set[str]] = defaultdict(set)
        for login, audience in known.items():
            asked[audience].update(login.ticket.topics)
        visible = {audience: self._visible(audience, topics) for audience, topics in asked.items()}
        return {
            login: View(audience, login.ticket.topics)
            for login, audience in known.items()
            if visible[audience].issuperset(login.ticket.topics)
        }

    def _visible(self, audience: Audience, topics: Iterable[str]) -> set[str]:
        return {
            topic
            for family, keys in _by_family(topics).items()
            if family in self._topics
            for key in self._topics[family].visible(audience.principal, keys.keys())
            for topic in [keys[key]]
        }

    def _marks(self, topics: Iterable[str]) -> dict[str, str]:
        """Topic → mark, in one query."""
        families = _by_family(topics)
        rows = [self._topics[family].marks(keys.keys()) for family, keys in families.items()]
        if not rows:
            return {}
        first, *others = rows
        found = first.union(*others, all=True) if others else first
        return {families[family][key]: mark for family, key, mark in found}

    def _current(self, topic: str, audience: Audience, mark: str) -> _Seen:
        """What was seen before, unless the topic has another mark now."""
        seen = self._seen.get((topic, audience))
        if seen and seen.mark == mark:
            return seen
        try:
            parts = self._make(topic, audience)
        except Exception:
            # One page that cannot be drawn must not stop all others.
            log.exception("'%s' cannot be shown", topic)
            return seen or _Seen("", {})
        if seen and seen.parts == parts:
            parts = seen.parts
        return _Seen(mark, parts)

    def _make(self, topic: str, audience: Audience) -> Parts:
        family, key = split(topic)
        made: Mapping[str, Any]
        with timezone.override(audience.zone):
            made = self._topics[family].parts(key, audience.principal)
        return {slot: (fingerprint(content), content) for slot, content in made.items()}


def fingerprint(content: str) -> str:
    return blake2b(content.encode(), digest_size=6).hexdigest()


def _by_family(topics: Iterable[str]) -> dict[str, dict[str, str]]:
    """Family → key → topic."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for topic in topics:
        family, key = split(topic)
        found[family][key] = topic
    return found
