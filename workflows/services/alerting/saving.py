"""Save channels and rules: what they are told fits their kind, and belongs to their team."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from engine.errors import ConfigError
from engine.suggestion import unknown
from workflows.models import AlertChannel, AlertRule, Workflow
from workflows.services.alerting.channel import config_of, kind_of


def save_channel(
    channel: AlertChannel, options: Mapping[str, Any], secrets: Mapping[str, str]
) -> None:
    """Store the settings; a secret that is not given stays. Raises ConfigError."""
    allowed = kind_of(channel).Config.secret_fields()
    if misplaced := sorted(allowed & options.keys()):
        raise ConfigError(f"secret among the options: {_named(misplaced)}; give it in 'secrets'")
    for name in secrets.keys() - allowed:
        raise ConfigError(unknown("secret", name, sorted(allowed)))
    if missing := secrets_to_give_again(channel, options, secrets):
        raise ConfigError(f"options changed, so the secrets must be given again: {_named(missing)}")
    channel.options = dict(options)
    channel.secrets = {**(channel.secrets or {}), **secrets} or None
    config_of(channel)
    channel.save()


def secrets_to_give_again(
    channel: AlertChannel, options: Mapping[str, Any], given: Collection[str]
) -> list[str]:
    """Stored secrets that would go to a receiver they were not meant for."""
    if not channel.secrets or options == channel.options:
        return []
    return sorted(channel.secrets.keys() - set(given))


@transaction.atomic
def save_rule(rule: AlertRule, channels: Iterable[AlertChannel]) -> None:
    """Raises Django's ValidationError, by field."""
    chosen = list(channels)
    if wrong := strangers(rule.team_id, rule.workflow, chosen):
        raise ValidationError(wrong)
    rule.full_clean()
    rule.save()
    rule.channels.set(chosen)


def strangers(
    team_id: int, workflow: Workflow | None, channels: Iterable[AlertChannel]
) -> dict[str, str]:
    """Field → what is wrong, where a rule names what is not its team's."""
    wrong = {}
    if workflow and workflow.team_id != team_id:
        wrong["workflow"] = "It does not belong to the team."
    if any(channel.team_id != team_id for channel in channels):
        wrong["channels"] = "Choose channels of the team."
    return wrong


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
