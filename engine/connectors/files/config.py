"""What a connection to files is: one folder."""

from __future__ import annotations

from pydantic import Field, field_validator

from engine.connector import ConnectionConfig


class FilesConfig(ConnectionConfig):
    """A folder of the worker's host."""

    root: str = Field(
        min_length=2,
        description="Absolute path of the folder; paths of nodes are relative to it.",
    )

    @field_validator("root")
    @classmethod
    def _is_absolute(cls, root: str) -> str:
        if not root.startswith("/") or not root.isprintable():
            raise ValueError(f"{root!r} is not an absolute path; expected one like '/srv/exchange'")
        if any(sign in root for sign in "*?[\\"):
            raise ValueError(f"'{root}' holds one of * ? [ \\; choose a folder without them")
        return root
