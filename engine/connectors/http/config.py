"""What a connection to an HTTP service is."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from engine.connector import ConnectionConfig

_NOT_HEADERS = {"authorization", "cookie", "host", "content-length", "transfer-encoding"}


class HttpOptions(BaseModel):
    """How patient a connection is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout_seconds: float = Field(30, gt=0, le=600, description="Seconds to wait for an answer.")
    retries: int = Field(
        3, ge=0, le=10, description="How often a request that was turned away is sent again."
    )
    max_wait_seconds: float = Field(
        120, gt=0, le=3600, description="Longest pause before a retry, whatever the service asks."
    )
    max_answer_mb: int = Field(64, ge=1, le=1024, description="Megabytes that one answer may have.")


class HttpConfig(ConnectionConfig):
    """Address and credentials of one service."""

    base_url: str = Field(
        description="Address below which all requests go, such as https://api.example.com/v1."
    )
    auth: Literal["none", "basic", "bearer", "api_key"] = Field(
        "none", description="How requests show who sends them."
    )
    user: str = Field("", description="User of basic authentication.")
    password: SecretStr = Field(SecretStr(""), description="Password of basic authentication.")
    token: SecretStr = Field(SecretStr(""), description="The bearer token, or the API key.")
    api_key_name: str = Field(
        "X-API-Key",
        pattern=r"^[A-Za-z0-9_-]{1,100}$",
        description="Name of the header or query parameter that holds the API key.",
    )
    api_key_in: Literal["header", "query"] = Field("header", description="Where the API key goes.")
    headers: dict[str, str] = Field(
        default_factory=dict, description="Further headers of every request; no secrets."
    )
    test_path: str = Field("", description="Path below the base URL that a test asks for.")
    options: HttpOptions = Field(HttpOptions.model_construct(), description="Patience and limits.")

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, base_url: str) -> str:
        parts = urlsplit(base_url)
        is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
        if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
            raise ValueError(
                f"'{base_url}' is no base URL; expected one like 'https://api.example.com/v1', "
                "without user, password, query or fragment"
            )
        return base_url.rstrip("/")

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if name.casefold() in _NOT_HEADERS:
                raise ValueError(f"header '{name}' is not set here; use 'auth' for credentials")
            if not (name + value).isascii() or not (name + value).isprintable():
                raise ValueError(f"header {name!r} holds a character that no header may have")
        return headers

    @model_validator(mode="after")
    def _has_what_auth_needs(self) -> Self:
        if self.auth == "basic" and not self.user:
            raise ValueError("basic authentication needs a user; fill in 'user'")
        if self.auth != "none" and self.base_url.startswith("http://") and not self.is_near:
            raise ValueError("credentials would travel unencrypted; use an https base URL")
        return self

    @property
    def is_near(self) -> bool:
        """Whether requests stay on this machine."""
        return urlsplit(self.base_url).hostname in ("localhost", "127.0.0.1", "::1")
