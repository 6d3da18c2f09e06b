"""What a kind of channel must do. One file in ``channels/`` is one kind; there is no list."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.errors import ConfigError
from engine.suggestion import unknown
from workflows.models import AlertChannel
from workflows.services.findings import refused


class NotSent(Exception):
    """The message did not arrive. ``permanent`` = trying again is of no use."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class ChannelConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def secret_fields(cls) -> frozenset[str]:
        described = cls.model_json_schema().get("properties", {})
        return frozenset(
            name
            for name, field in described.items()
            if field.get("writeOnly") or any(one.get("writeOnly") for one in field.get("anyOf", ()))
        )


ConfigT = TypeVar("ConfigT", bound=ChannelConfig)


@dataclass(frozen=True, slots=True)
class Message:
    """``lines`` are plain text; ``link`` is absolute, or empty when nobody said where we are.

    ``facts`` is JSON for machines: event, rule, team, cause, count, since.
    """

    subject: str
    lines: tuple[str, ...] = ()
    link: str = ""
    facts: Mapping[str, Any] | None = None


class Channel(Generic[ConfigT]):
    slug: ClassVar[str]
    label: ClassVar[str]
    Config: type[ConfigT]

    def send(self, config: ConfigT, message: Message, delivery_id: str) -> None:
        """Raises NotSent. Equal ``delivery_id`` = the same message, sent again."""
        raise NotImplementedError


@cache
def channels() -> Mapping[str, Channel[Any]]:
    """Every kind of channel, by slug."""
    package = importlib.import_module("workflows.services.alerting.channels")
    found = [
        importlib.import_module(module.name).CHANNEL
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    ]
    return {channel.slug: channel for channel in sorted(found, key=lambda one: one.label)}


def kind_of(row: AlertChannel) -> Channel[Any]:
    """Raises ConfigError for a kind that is not installed."""
    kind = channels().get(row.kind)
    if kind is None:
        raise ConfigError(unknown("kind of channel", row.kind, sorted(channels())))
    return kind


def config_of(row: AlertChannel) -> ChannelConfig:
    """Options and secrets as the kind's Config. Raises ConfigError naming each field."""
    model: type[ChannelConfig] = kind_of(row).Config
    try:
        return model.model_validate({**row.options, **(row.secrets or {})})
    except ValidationError as error:
        raise refused(model, error) from None


def send_to(row: AlertChannel, message: Message, delivery_id: str) -> None:
    """Raises NotSent; also for a kind that is not installed or options that no longer fit."""
    try:
        kind, config = kind_of(row), config_of(row)
    except ConfigError as error:
        raise NotSent(f"the settings of '{row}' do not fit: {error}", permanent=True) from None
    kind.send(config, message, delivery_id)
