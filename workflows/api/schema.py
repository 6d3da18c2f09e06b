"""The OpenAPI document: problems at every operation, and models that pydantic describes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from pydantic.json_schema import models_json_schema

from engine.issue import Issue
from workflows.definition import Definition

_COMPONENTS = "#/components/schemas/"

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `issues` are findings addressed to nodes and fields.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable; documented in the API guide."},
        "issues": {"type": "array", "items": {"$ref": f"{_COMPONENTS}Issue"}},
    },
    "required": ["type", "title", "status", "detail", "code", "issues"],
}

_ALWAYS = {"400": "The request is refused.", "429": "Too often; see Retry-After."}
_AUTHENTICATED = {"401": "No valid token or login.", "403": "The role does not suffice."}
_OF_AN_OBJECT = {"404": "Not there, or of another team."}
_CHANGING = {"409": "It changed or exists meanwhile.", "413": "The body is too large."}
_AWAY = {"502": "Prefect or a database refused.", "503": "A part is away; see Retry-After."}


class ProblemAutoSchema(AutoSchema):
    """Adds the problems that every operation may answer with."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            for status, description in self._problems().items():
                operation["responses"].setdefault(status, _problem_response(description))
        return operation

    def _problems(self) -> dict[str, str]:
        needs_a_principal = bool(getattr(self.view, "permission_classes", ()))
        return {
            **_ALWAYS,
            **(_AUTHENTICATED if needs_a_principal else {}),
            **(_OF_AN_OBJECT if "{" in self.path else {}),
            **(_CHANGING if self.method in ("POST", "PUT", "PATCH") else {}),
            **_AWAY,
        }


def _problem_response(description: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": f"{_COMPONENTS}Problem"}}}
    return {"description": description, "content": content}


def add_models(result: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Postprocessing hook: the schemas of what is validated by pydantic, and of problems."""
    _, described = models_json_schema(
        [(Definition, "validation"), (Issue, "serialization")],
        ref_template=_COMPONENTS + "{model}",
    )
    schemas = result["components"].setdefault("schemas", {})
    schemas.update({**described["$defs"], "Problem": _PROBLEM})
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    return result


class _Described(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A field that stands for a model of pydantic."""

    target_class = "workflows.api.fields.ModelField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        reference = {"$ref": _COMPONENTS + self.target.model.__name__}
        if self.target.is_list:
            return {"type": "array", "items": reference}
        return reference
