"""``rest_source``: rows of an HTTP service, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from engine.configuring import SettingError
from engine.errors import ExpressionError
from engine.expression import check, scalar_type
from engine.issue import Issue
from engine.kind import Context, NodeConfig, Source
from engine.media.documents import path_refusal
from engine.media.requests import Paging, ResponseField, RestExtraction
from engine.schema import Schema
from engine.suggestion import unknown
from engine.transfer import Extraction, TableName


class RestColumn(NodeConfig):
    name: str = Field(title="Name", description="The name of the column.", min_length=1)
    path: str = Field(
        "",
        title="Path",
        description="Where a row has the value; dots lead inwards. Empty for the column's name.",
    )
    type: str = Field(
        "",
        title="Type",
        description="The type of its values, for example bigint, decimal(12,2), timestamptz or "
        "json; empty for what the first page shows.",
        json_schema_extra={"format": "type"},
    )


class RestPaging(NodeConfig):
    style: Literal["none", "page", "offset", "cursor", "link"] = Field(
        "none",
        title="Style",
        description="How the next page is asked for: by its number, by the rows so far, by what "
        "the answer says, or by the header Link.",
    )
    parameter: str = Field(
        "",
        title="Parameter",
        description="The query parameter of page, offset or cursor; "
        "empty with cursor, if the answer gives an address.",
    )
    first: int | None = Field(
        None,
        title="First",
        description="Number of the first page, or first offset; empty for 1, or 0 with offset.",
        ge=0,
    )
    size_parameter: str = Field(
        "", title="Size parameter", description="The query parameter that asks for a page's size."
    )
    size: int = Field(
        0,
        title="Size",
        description="Rows per page; a shorter page is the last. 0 reads until a page is empty.",
        ge=0,
    )
    next_path: str = Field(
        "",
        title="Next path",
        description="Cursor: JMESPath to what comes next, for example meta.next_cursor.",
    )


class RestSourceConfig(NodeConfig):
    connection: str = Field(
        title="Connection",
        description="The connection to the service.",
        min_length=1,
        json_schema_extra={"format": "connection"},
    )
    path: str = Field(
        "",
        title="Path",
        description="The path below the connection's base URL, for example orders.",
        json_schema_extra={"format": "table"},
    )
    query: dict[str, str] = Field(
        {},
        title="Query",
        description="Query parameters; a value such as $since is the parameter of the workflow.",
    )
    rows: str = Field(
        "",
        title="Rows",
        description="JMESPath to the list of rows, for example data.items; "
        "empty for the whole answer.",
    )
    columns: list[RestColumn] = Field(
        [],
        title="Columns",
        description="Columns to read, in this order; empty for what the first page shows.",
    )
    filter: str = Field(
        "",
        title="Filter",
        description="A condition that rows to read must meet; empty for all rows.",
        json_schema_extra={"widget": "code", "language": "expression"},
    )
    paging: RestPaging = Field(
        RestPaging.model_construct(), title="Paging", description="How further pages are found."
    )
    max_pages: int = Field(
        1000,
        title="Max pages",
        description="More pages than this fail the run, so that nothing is left out silently.",
        ge=1,
        le=1_000_000,
    )
    requests_per_second: float = Field(
        0,
        title="Requests per second",
        description="Send no more requests than this; 0 sends them one after the other.",
        ge=0,
        le=1000,
        allow_inf_nan=False,
    )

    @model_validator(mode="after")
    def _path_is_a_path(self) -> Self:
        if "://" in self.path or "?" in self.path or ".." in self.path.split("/"):
            message = (
                f"path '{self.path}' is no path below the base URL; write it like 'v1/orders', and "
                "parameters into 'query'"
            )
            raise SettingError(message, field="path", code="path_invalid")
        _check_jmespath(self.rows, "rows")
        return self

    @model_validator(mode="after")
    def _paging_is_complete(self) -> Self:
        paging = self.paging
        if paging.style in ("page", "offset") and not paging.parameter:
            message = f"paging by {paging.style} needs the query parameter that it sets"
            raise SettingError(message, field="paging.parameter", code="setting_missing")
        if paging.style == "cursor" and not paging.next_path:
            message = "paging by cursor needs the path to what comes next"
            raise SettingError(message, field="paging.next_path", code="setting_missing")
        if paging.size and not paging.size_parameter:
            message = "a size needs the query parameter that asks for it"
            raise SettingError(message, field="paging.size_parameter", code="setting_missing")
        _check_jmespath(paging.next_path, "paging.next_path")
        return self

    @model_validator(mode="after")
    def _columns_are_sound(self) -> Self:
        taken: set[str] = set()
        for index, column in enumerate(self.columns):
            if column.name.casefold() in taken:
                message = f"column '{column.name}' is there twice; give one another name"
                raise SettingError(message, field=f"columns.{index}.name", code="duplicate_column")
            taken.add(column.name.casefold())
            if reason := path_refusal(column.path or column.name):
                raise SettingError(reason, field=f"columns.{index}.path", code="path_invalid")
            try:
                _type(column.type)
            except ExpressionError as error:
                raise SettingError(error.message, field=f"columns.{index}.type") from error
        return self


class RestSource(Source[RestSourceConfig]):
    """Read rows from an HTTP service that answers in JSON."""

    slug, label, group, icon = "rest_source", "REST source", "Services", "api"
    medium = "http"
    Config = RestSourceConfig
    example = {
        "connection": "billing",
        "path": "invoices",
        "query": {"status": "paid", "since": "$since"},
        "rows": "data",
        "columns": [
            {"name": "id", "type": "bigint"},
            {"name": "total", "type": "decimal(12,2)"},
            {"name": "country", "path": "customer.address.country"},
        ],
        "paging": {"style": "cursor", "parameter": "after", "next_path": "meta.next_cursor"},
    }

    def extraction(self, config: RestSourceConfig, context: Context) -> Extraction:
        paging = config.paging
        return RestExtraction(
            table=TableName("", config.path),
            filter=config.filter,
            parameters=context.parameters,
            query={k: _filled(v, context.parameters) for k, v in config.query.items()},
            rows=config.rows,
            fields=tuple(
                ResponseField(column.path or column.name, column.name, _type(column.type))
                for column in config.columns
            ),
            paging=Paging(
                style=paging.style,
                parameter=paging.parameter,
                first=_first(paging),
                size_parameter=paging.size_parameter,
                size=paging.size,
                next_path=paging.next_path,
                max_pages=config.max_pages,
            ),
            requests_per_second=config.requests_per_second,
        )

    def check(self, config: RestSourceConfig, output: Schema, context: Context) -> Iterable[Issue]:
        for name, value in config.query.items():
            if value.startswith("$") and value[1:] not in context.parameters:
                message = unknown("parameter", value, [f"${p}" for p in context.parameters])
                yield Issue(code="unknown_parameter", message=message, field=f"query.{name}")
        if config.filter:
            for issue in check(config.filter, output, context.parameters, boolean=True):
                yield issue.model_copy(update={"field": "filter"})


def _first(paging: RestPaging) -> int:
    if paging.first is not None:
        return paging.first
    return 0 if paging.style == "offset" else 1


def _filled(value: str, parameters: Mapping[str, Any]) -> str:
    return str(parameters.get(value[1:], value)) if value.startswith("$") else value


def _check_jmespath(path: str, field: str) -> None:
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(path or "@")
    except JMESPathError as error:
        said = str(error).splitlines()[0]
        message = f"'{path}' is no JMESPath ({said}); write it like 'data.items'"
        raise SettingError(message, field=field) from None


def _type(text: str) -> str:
    """In DuckDB's words; empty where the first page decides. Raises ``ExpressionError``."""
    if not text or text.casefold() == "json":
        return text.upper()
    return scalar_type(text)


KIND = RestSource
