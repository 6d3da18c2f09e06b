"""``file_source``: rows of files."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from engine.configuring import SettingError
from engine.errors import ExpressionError
from engine.expression import scalar_type
from engine.kind import Context, NodeConfig, Source
from engine.media.files import FileExtraction, path_refusal
from engine.transfer import Extraction, TableName


class FileColumn(NodeConfig):
    name: str = Field(
        title="Name", description="The name of the column, or of the key of JSON.", min_length=1
    )
    type: str = Field(
        "varchar",
        title="Type",
        description="The type of its values, for example integer, decimal(12,2), date or varchar.",
        min_length=1,
        json_schema_extra={"format": "type"},
    )


class FileSourceConfig(NodeConfig):
    connection: str = Field(
        title="Connection",
        description="The connection to the folder with the files.",
        min_length=1,
        json_schema_extra={"format": "connection"},
    )
    path: str = Field(
        title="Path",
        description="The file, relative to the folder; or a pattern such as 2026/*.csv.",
        min_length=1,
        json_schema_extra={"format": "table"},
    )
    format: Literal["csv", "parquet", "jsonl"] = Field(
        "csv", title="Format", description="What the files are; jsonl has one JSON object per line."
    )
    header: bool = Field(
        True, title="Header", description="CSV: whether the first line names the columns."
    )
    delimiter: str = Field(
        ",",
        title="Delimiter",
        description="CSV: the one character between two values.",
        min_length=1,
        max_length=1,
        pattern=r"^[^\"\r\n\x00]$",
    )
    columns: list[FileColumn] = Field(
        [],
        title="Columns",
        description="Types of columns. A column of CSV that is not named here is text.",
    )

    @model_validator(mode="after")
    def _fits_the_format(self) -> Self:
        if reason := path_refusal(self.path, is_pattern=True):
            raise SettingError(reason, field="path", code="path_invalid")
        is_bare = self.format == "jsonl" or (self.format == "csv" and not self.header)
        if is_bare and not self.columns:
            what = "JSON lines have" if self.format == "jsonl" else "CSV without a header has"
            raise SettingError(f"{what} no list of columns; name them here", field="columns")
        if self.format == "parquet" and self.columns:
            message = "a Parquet file has names and types of its own; leave 'columns' empty"
            raise SettingError(message, field="columns")
        return self

    @model_validator(mode="after")
    def _columns_are_sound(self) -> Self:
        taken: set[str] = set()
        for index, column in enumerate(self.columns):
            try:
                scalar_type(column.type)
            except ExpressionError as error:
                raise SettingError(error.message, field=f"columns.{index}.type") from error
            if column.name.casefold() in taken:
                message = f"column '{column.name}' is named twice; leave one out"
                raise SettingError(message, field=f"columns.{index}.name", code="duplicate_column")
            taken.add(column.name.casefold())
        return self


class FileSource(Source[FileSourceConfig]):
    """Read the rows of CSV, Parquet or JSON lines files."""

    slug, label, group, icon = "file_source", "File source", "Files and values", "description"
    medium = "files"
    Config = FileSourceConfig
    example = {
        "connection": "exchange",
        "path": "orders/2026-*.csv",
        "columns": [{"name": "amount", "type": "decimal(12,2)"}],
    }

    def extraction(self, config: FileSourceConfig, context: Context) -> Extraction:
        return FileExtraction(
            table=TableName("", config.path),
            format=config.format,
            declared=tuple((column.name, scalar_type(column.type)) for column in config.columns),
            has_header=config.header,
            delimiter=config.delimiter,
        )


KIND = FileSource
