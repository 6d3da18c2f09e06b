"""What a connection to remote files is: one prefix of addresses."""

from __future__ import annotations

import re
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from engine.connector import ConnectionConfig

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class RemoteFilesOptions(BaseModel):
    """How patient a connection is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout_seconds: float = Field(60, gt=0, le=3600, description="Seconds to wait for an answer.")
    max_file_mb: int = Field(
        4096, ge=1, le=1 << 20, description="Megabytes that a file read over http(s) may have."
    )


class RemoteFilesConfig(ConnectionConfig):
    """Where the files are, and how one gets in."""

    url: str = Field(
        description="Prefix of all files: s3://bucket/folder, or https://host/folder (read only)."
    )
    endpoint: str = Field(
        "", description="Address of an S3-compatible service; empty for Amazon's."
    )
    region: str = Field(
        "us-east-1", pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Region of the bucket."
    )
    access_key: str = Field("", description="Access key of S3; empty for a public bucket.")
    secret_key: SecretStr = Field(SecretStr(""), description="Secret key of S3.")
    options: RemoteFilesOptions = Field(
        RemoteFilesOptions.model_construct(), description="Patience and limits."
    )

    @field_validator("url")
    @classmethod
    def _is_a_prefix(cls, url: str) -> str:
        parts = urlsplit(url)
        is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
        inner = [part for part in parts.path.split("/") if part]
        is_sound = url.isprintable() and not any(p.startswith(".") or "\\" in p for p in inner)
        if parts.scheme not in ("s3", "http", "https") or not parts.netloc or not is_plain:
            raise ValueError(
                f"'{url}' is no prefix of files; expected 's3://bucket/folder' or "
                "'https://host/folder', without user, password, query or fragment"
            )
        if not is_sound or any(sign in url for sign in "*?[%"):
            raise ValueError(f"'{url}' has a part that is hidden, or a pattern; name one folder")
        if parts.scheme == "s3" and not _BUCKET.fullmatch(parts.netloc):
            raise ValueError(f"'{parts.netloc}' is no name of a bucket")
        return url.rstrip("/")

    @field_validator("endpoint")
    @classmethod
    def _is_an_address(cls, endpoint: str) -> str:
        parts = urlsplit(endpoint)
        is_plain = not (parts.username or parts.query or parts.fragment or parts.path.strip("/"))
        is_http = parts.scheme in ("http", "https") and bool(parts.hostname)
        if endpoint and not (is_http and is_plain):
            raise ValueError(f"'{endpoint}' is no endpoint; expected one like 'https://s3.example'")
        return endpoint.rstrip("/")

    @model_validator(mode="after")
    def _fits_the_scheme(self) -> Self:
        if not self.is_s3 and (self.endpoint or self.access_key):
            raise ValueError("'endpoint' and 'access_key' are for s3:// only; leave them empty")
        return self

    @property
    def is_s3(self) -> bool:
        return self.url.startswith("s3://")

    @property
    def place(self) -> str:
        """``bucket/folder`` of S3."""
        return self.url.removeprefix("s3://")

    @property
    def host(self) -> str:
        """Who is asked."""
        if self.is_s3:
            return urlsplit(self.endpoint).hostname or f"s3.{self.region}.amazonaws.com"
        return urlsplit(self.url).hostname or ""
