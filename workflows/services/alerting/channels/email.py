"""``email``: through the mail server that FlowAdmin is configured with."""

from __future__ import annotations

from smtplib import SMTPException, SMTPRecipientsRefused

from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from pydantic import Field, field_validator

from workflows.services.alerting.channel import Channel, ChannelConfig, Message, NotSent


class EmailConfig(ChannelConfig):
    to: tuple[str, ...] = Field(min_length=1, description="Addresses, one per line.")

    @field_validator("to")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            try:
                validate_email(address)
            except ValidationError:
                raise ValueError(f"'{address}' is no e-mail address") from None
        return value


class Email(Channel[EmailConfig]):
    slug, label = "email", "E-mail"
    Config = EmailConfig

    def send(self, config: EmailConfig, message: Message, delivery_id: str) -> None:
        body = "\n".join([*message.lines, "", message.link]).strip()
        # A line break in a name would begin a header of its own.
        subject = " ".join(f"[FlowAdmin] {message.subject}".split())
        mail = EmailMessage(
            subject, body, to=list(config.to), headers={"Message-ID": f"<{delivery_id}@flowadmin>"}
        )
        try:
            mail.send()
        except SMTPRecipientsRefused as error:
            raise NotSent("the mail server takes none of the addresses", permanent=True) from error
        except (SMTPException, OSError) as error:
            raise NotSent(f"the mail server refused: {type(error).__name__}") from error


CHANNEL = Email()
