"""``file_target``: rows into files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from engine.configuring import SettingError
from engine.issue import Issue
from engine.kind import NodeConfig, Target
from engine.media.files import FileLoad, path_refusal
from engine.schema import Column, Schema
from engine.suggestion import unknown
from engine.transfer import Load, TableName


class FileTargetConfig(NodeConfig):
    connection: str = Field(
        title="Connection",
        description="The connection to the folder to write to.",
        min_length=1,
        json_schema_extra={"format": "connection"},
    )
    path: str = Field(
        title="Path",
        description="The file to replace; or the folder of files to append to or partition.",
        min_length=1,
    )
    format: Literal["csv", "parquet"] = Field(
        "csv", title="Format", description="What to write; both are UTF-8."
    )
    mode: Literal["append", "replace"] = Field(
        "replace",
        title="Mode",
        description="replace puts new files in the place of the old; append adds a file per run.",
    )
    partition_by: list[str] = Field(
        [],
        title="Partition by",
        description="Columns whose values name subfolders (country=DE/…); empty for none.",
        json_schema_extra={"format": "column"},
    )
    delimiter: str = Field(
        ",",
        title="Delimiter",
        description="CSV: the one character between two values.",
        min_length=1,
        max_length=1,
        pattern=r"^[^\"\r\n\x00]$",
    )
    escape_formulas: bool = Field(
        True,
        title="Escape formulas",
        description="CSV: put ' before text that a spreadsheet would take for a formula.",
    )

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        if reason := path_refusal(self.path):
            raise SettingError(reason, field="path", code="path_invalid")
        for index, name in enumerate(self.partition_by):
            if name.casefold() in (other.casefold() for other in self.partition_by[:index]):
                message = f"column '{name}' is named twice; leave one out"
                field = f"partition_by.{index}"
                raise SettingError(message, field=field, code="duplicate_column")
        return self


class FileTarget(Target[FileTargetConfig]):
    """Write rows into CSV or Parquet files, each exactly once."""

    slug, label, group, icon = "file_target", "File target", "Files and values", "file_save"
    medium = "files"
    Config = FileTargetConfig
    example = {
        "connection": "exchange",
        "path": "exports/orders",
        "format": "parquet",
        "mode": "append",
        "partition_by": ["country"],
    }

    def table(self, config: FileTargetConfig) -> TableName:
        return TableName("", config.path)

    def mapping(
        self, config: FileTargetConfig, rows: Schema, table: Sequence[Column]
    ) -> Mapping[str, str]:
        """Every column goes by its own name."""
        return {name: name for name in rows.names}

    def load(self, config: FileTargetConfig, load: Load) -> FileLoad:
        by_name = {name.casefold(): name for name in load.columns}
        return FileLoad.of(
            load,
            format=config.format,
            delimiter=config.delimiter,
            partition_by=tuple(by_name[name.casefold()] for name in config.partition_by),
            escape_formulas=config.escape_formulas,
        )

    def check(
        self, config: FileTargetConfig, rows: Schema, table: Sequence[Column]
    ) -> Iterable[Issue]:
        for index, name in enumerate(config.partition_by):
            if rows.find(name) is None:
                message = unknown("column", name, rows.names)
                yield Issue(code="unknown_column", message=message, field=f"partition_by.{index}")


KIND = FileTarget
