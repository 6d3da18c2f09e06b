"""``mongodb_source``: documents of a collection as rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from pydantic import Field, model_validator

from engine.configuring import SettingError
from engine.errors import ExpressionError
from engine.expression import check, scalar_type
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Source
from engine.media.documents import DocumentExtraction, DocumentField, path_refusal
from engine.schema import Schema
from engine.transfer import Extraction, TableName, Window


class SourceField(NodeConfig):
    path: str = Field(
        title="Path",
        description="The field; dots lead into nested documents, such as customer.address.city.",
        min_length=1,
        json_schema_extra={"format": "column"},
    )
    name: str = Field(
        "", title="Name", description="The name of the column; empty for the path as it is."
    )
    type: str = Field(
        "",
        title="Type",
        description="The type of its values, for example bigint, timestamp or json; "
        "empty for what a sample of the documents shows.",
        json_schema_extra={"format": "type"},
    )

    @property
    def column(self) -> str:
        return self.name or self.path


class NewDocuments(NodeConfig):
    field: str = Field(
        title="Field",
        description="The path of the field whose values grow, such as _id or updated_at.",
        min_length=1,
        json_schema_extra={"format": "column"},
    )
    overlap: float = Field(
        0,
        title="Overlap",
        description="How far to read back for late documents: seconds of a date, else a number.",
        ge=0,
        allow_inf_nan=False,
    )


class MongodbSourceConfig(NodeConfig):
    connection: str = Field(
        title="Connection",
        description="The connection to read from.",
        min_length=1,
        json_schema_extra={"format": "connection"},
    )
    collection: str = Field(
        title="Collection",
        description="The collection or view to read.",
        min_length=1,
        json_schema_extra={"format": "table"},
    )
    fields: list[SourceField] = Field(
        [],
        title="Fields",
        description="Fields to read, in this order; empty for the outermost ones of a sample.",
    )
    filter: str = Field(
        "",
        title="Filter",
        description="A condition that rows to read must meet; empty for all rows.",
        json_schema_extra={"widget": "code", "language": "expression"},
    )
    sample_documents: int = Field(
        500,
        title="Sample",
        description="How many of the oldest, and of the newest, documents tell the types.",
        ge=1,
        le=10_000,
    )
    incremental: NewDocuments | None = Field(
        None,
        title="Incremental",
        description="Read only documents above what the targets have already; empty for all.",
    )

    @model_validator(mode="after")
    def _fields_are_sound(self) -> Self:
        taken: set[str] = set()
        for index, field in enumerate(self.fields):
            if reason := path_refusal(field.path):
                raise SettingError(reason, field=f"fields.{index}.path", code="path_invalid")
            if field.column.casefold() in taken:
                message = f"column '{field.column}' is there twice; give one another name"
                raise SettingError(message, field=f"fields.{index}.name", code="duplicate_column")
            taken.add(field.column.casefold())
            try:
                _type(field.type)
            except ExpressionError as error:
                raise SettingError(error.message, field=f"fields.{index}.type") from error
        if self.incremental and (reason := path_refusal(self.incremental.field)):
            raise SettingError(reason, field="incremental.field", code="path_invalid")
        return self


class MongodbSource(Source[MongodbSourceConfig]):
    """Read the documents of a collection."""

    slug, label, group, icon = "mongodb_source", "MongoDB source", "Documents", "data_object"
    medium = "documents"
    Config = MongodbSourceConfig
    example = {
        "connection": "shop",
        "collection": "orders",
        "fields": [
            {"path": "_id"},
            {"path": "customer.address.city", "name": "city"},
            {"path": "total", "type": "decimal(12,2)"},
            {"path": "items", "type": "json"},
        ],
        "filter": "total > 0",
    }

    def extraction(self, config: MongodbSourceConfig, context: Context) -> Extraction:
        return DocumentExtraction(
            table=TableName("", config.collection),
            filter=config.filter,
            parameters=context.parameters,
            fields=tuple(
                DocumentField(field.path, field.column, _type(field.type))
                for field in config.fields
            ),
            sample=config.sample_documents,
        )

    def incremental(self, config: MongodbSourceConfig) -> Window | None:
        wanted = config.incremental
        return Window(wanted.field, wanted.overlap) if wanted else None

    def check(
        self, config: MongodbSourceConfig, output: Schema, context: Context
    ) -> Iterable[Issue]:
        if config.filter:
            for issue in check(config.filter, output, context.parameters, boolean=True):
                yield issue.model_copy(update={"field": "filter"})


def _type(text: str) -> str:
    """In DuckDB's words; empty where a sample decides. Raises ``ExpressionError``."""
    if not text or text.casefold() == "json":
        return text.upper()
    return scalar_type(text)


KIND = MongodbSource
