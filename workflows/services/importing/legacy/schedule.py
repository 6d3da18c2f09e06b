"""``cron:<five fields>`` or ``interval:<minutes>``, given beside a payload."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from workflows.definition import ScheduleDefinition
from workflows.models.schedule import validate_cron, validate_timezone
from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings

_EXPECTED = "expected 'cron:<minute hour day month weekday>' or 'interval:<minutes>'"


def read_schedule(text: str, timezone: str, findings: Findings) -> tuple[ScheduleDefinition, ...]:
    """No schedule for an empty text; anything that is not understood is an error."""
    prefix, separator, rule = text.partition(":")
    rule = rule.strip()
    if not text:
        return ()
    if not separator or prefix not in ("cron", "interval"):
        _refuse(f"'{text}' is not a schedule; {_EXPECTED}", findings)
    elif prefix == "interval" and not (rule.isascii() and rule.isdigit() and int(rule) > 0):
        _refuse(f"'{text}' has no whole number of minutes above zero; {_EXPECTED}", findings)
    elif _is_valid(rule, timezone, prefix, findings):
        if prefix == "interval":
            return (ScheduleDefinition(interval_seconds=int(rule) * 60, timezone=timezone),)
        return (ScheduleDefinition(cron=rule, timezone=timezone),)
    return ()


def _is_valid(rule: str, timezone: str, prefix: str, findings: Findings) -> bool:
    try:
        validate_timezone(timezone)
        if prefix == "cron":
            validate_cron(rule)
    except ValidationError as error:
        _refuse(error.messages[0], findings)
        return False
    return True


def _refuse(message: str, findings: Findings) -> None:
    findings.error(codes.E_SCHEDULE, message, field="schedule", argument="schedule")
