"""``webhook``: JSON by POST, signed when there is a secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

from pydantic import Field, HttpUrl, SecretStr

from workflows.services.alerting.channel import Channel, ChannelConfig, Message
from workflows.services.alerting.reaching import post


class WebhookConfig(ChannelConfig):
    url: HttpUrl = Field(title="URL", description="Where the message is posted to.")
    secret: SecretStr | None = Field(
        None,
        description="Signs the body: X-FlowAdmin-Signature is sha256=HMAC(secret, "
        "X-FlowAdmin-Timestamp + '.' + body), in hex.",
    )


class Webhook(Channel[WebhookConfig]):
    slug, label = "webhook", "Webhook"
    Config = WebhookConfig

    def send(self, config: WebhookConfig, message: Message, delivery_id: str) -> None:
        body = json.dumps(
            {
                "id": delivery_id,
                "subject": message.subject,
                "lines": message.lines,
                "link": message.link,
                **(message.facts or {}),
            }
        ).encode()
        headers = {"Content-Type": "application/json", "X-FlowAdmin-Delivery": delivery_id}
        if config.secret is not None:
            headers |= signature(config.secret.get_secret_value(), body, str(int(time.time())))
        post(str(config.url), body, headers)


def signature(secret: str, body: bytes, timestamp: str) -> dict[str, str]:
    """The headers by which a receiver knows who sent ``body``, and when."""
    signed = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return {
        "X-FlowAdmin-Timestamp": timestamp,
        "X-FlowAdmin-Signature": f"sha256={signed.hexdigest()}",
    }


CHANNEL = Webhook()
