"""``slack``: an incoming webhook of Slack, or of what speaks like it (Mattermost, Rocket.Chat)."""

from __future__ import annotations

import json

from pydantic import Field, SecretStr, field_validator

from workflows.services.alerting.channel import Channel, ChannelConfig, Message
from workflows.services.alerting.reaching import post


class SlackConfig(ChannelConfig):
    url: SecretStr = Field(
        title="Webhook URL", description="Whoever knows it may post: it is kept like a password."
    )

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("expected an address that begins with https://")
        return value


class Slack(Channel[SlackConfig]):
    slug, label = "slack", "Slack-compatible webhook"
    Config = SlackConfig

    def send(self, config: SlackConfig, message: Message, delivery_id: str) -> None:
        text = "\n".join([f"*{_escaped(message.subject)}*", *map(_escaped, message.lines)])
        if message.link:
            text += f"\n<{message.link}|Open in FlowAdmin>"
        body = json.dumps({"text": text}).encode()
        post(config.url.get_secret_value(), body, {"Content-Type": "application/json"})


def _escaped(text: str) -> str:
    """The three characters that Slack reads as its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


CHANNEL = Slack()
