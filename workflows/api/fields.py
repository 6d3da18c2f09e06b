"""Serializer fields whose content pydantic validates and describes."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ValidationError
from rest_framework import serializers

from engine.configuring import issue_of
from engine.issue import Issue
from engine.suggestion import unknown
from workflows.api.problems import Problem, Refused
from workflows.definition import Definition

NODE_LIMIT = 5_000


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses keys that it does not know, so that a typing mistake is not silence."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        for field in fields.values():
            if isinstance(field, serializers.ChoiceField):
                listed = ", ".join(map(str, field.choices))
                field.error_messages["invalid_choice"] = f"'{{input}}' is not one of: {listed}"
        return fields

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = [name for name, field in self.fields.items() if not field.read_only]
            errors = {key: [unknown("key", key, known)] for key in data if key not in known}
            if errors:
                raise serializers.ValidationError(errors)
        return super().to_internal_value(data)


class SecretsField(serializers.DictField):
    """Only ever written; spaces may be part of a secret."""

    def __init__(self, **options: Any) -> None:
        child = serializers.CharField(trim_whitespace=False)
        super().__init__(child=child, write_only=True, required=False, **options)


class ModelField(serializers.Field[Any, Any, Any, Any]):
    """Base: ``model`` is described in the OpenAPI document under its own name."""

    model: type[BaseModel]
    is_list = False


class IssuesField(ModelField):
    model = Issue
    is_list = True

    def to_representation(self, value: Any) -> Any:
        return [i.model_dump(mode="json") if isinstance(i, Issue) else i for i in value]


class DefinitionField(ModelField):
    """A definition that rows can hold; findings of the compiler do not refuse it."""

    model = Definition

    def to_internal_value(self, data: Any) -> Definition:
        nodes = data.get("nodes") if isinstance(data, Mapping) else None
        if isinstance(nodes, list) and len(nodes) > NODE_LIMIT:
            detail = f"{len(nodes):,} nodes are more than {NODE_LIMIT:,}; split the workflow"
            raise Refused(Problem(HTTPStatus.BAD_REQUEST, "too_many_nodes", detail))
        try:
            return Definition.model_validate(data)
        except ValidationError as error:
            issues = tuple(_issue(details, data) for details in error.errors())
            detail = f"the definition is refused: {issues[0]}"
            problem = Problem(HTTPStatus.BAD_REQUEST, "definition_invalid", detail, issues)
            raise Refused(problem) from None

    def to_representation(self, value: Definition) -> Any:
        return value.model_dump(mode="json")


def _issue(details: Any, data: Any) -> Issue:
    """Addressed to a node where the path leads into one."""
    path, node = list(details["loc"]), ""
    if len(path) > 2 and path[0] == "nodes":
        node = str(data["nodes"][path[1]].get("key", ""))
        path = path[2:]
    message = details["msg"]
    if details["type"] == "extra_forbidden":
        message = issue_of(Definition, details).message
    where = ".".join(map(str, path))
    return Issue(code="definition_invalid", message=f"'{where}': {message}", node=node, field=where)
