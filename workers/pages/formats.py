"""Moments, durations and numbers as people read them."""

from __future__ import annotations

from datetime import datetime

from django.contrib.humanize.templatetags.humanize import intcomma, naturaltime
from django.utils import timezone
from django.utils.html import format_html

NOTHING = "\u2013"


def moment(at: datetime | None) -> str:
    """How long ago or ahead; the exact time appears under the pointer."""
    if at is None:
        return NOTHING
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(),
        local.strftime("%Y-%m-%d %H:%M:%S %Z"),
        naturaltime(at).replace("\xa0", " "),
    )


def duration(seconds: float | None) -> str:
    """``340 ms``, ``4.2 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def count(number: int | None) -> str:
    return NOTHING if number is None else intcomma(number, use_l10n=False)
