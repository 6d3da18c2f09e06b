"""A state as the pages show it: never by color alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.utils.html import format_html
from django.utils.safestring import SafeString

Tone = Literal["good", "bad", "warn", "busy", "wait", "idle"]


@dataclass(frozen=True, slots=True)
class Badge:
    """Color, icon and word; renders itself where a template prints it."""

    tone: Tone
    #: Name of a Material Symbol.
    icon: str
    word: str

    def __html__(self) -> SafeString:
        return format_html(
            '<span class="badge badge-{}"><span class="badge-icon material-symbols-outlined" '
            'aria-hidden="true">{}</span>{}</span>',
            self.tone,
            self.icon,
            self.word,
        )

    __str__ = __html__


ONLINE = Badge("good", "check_circle", "Online")
OFFLINE = Badge("bad", "cloud_off", "Offline")
PAUSED = Badge("warn", "pause_circle", "Paused")
OPEN = Badge("good", "check_circle", "Open")
NO_WORKER = Badge("bad", "cloud_off", "No worker")
UNKNOWN = Badge("idle", "help", "Not seen yet")
