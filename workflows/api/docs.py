"""The API's reference as a page, made from its schema; no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator


@require_safe
@login_required
def docs(request: HttpRequest) -> HttpResponse:
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return render(
        request, "api/docs.html", {"info": schema["info"], "groups": list(_groups(schema))}
    )


def _groups(schema: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Operations by the first part of their address after the version."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            group = path.removeprefix("/api/v1/").split("/")[0]
            groups.setdefault(group, []).append(_row(path, method, operation))
    yield from sorted(groups.items())


def _row(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    return {
        "path": path,
        "method": method.upper(),
        "description": operation.get("description", ""),
        "parameters": operation.get("parameters", []),
        "body": _model(operation.get("requestBody", {})),
        "answers": [
            {"status": status, "model": _model(answer), "description": answer["description"]}
            for status, answer in sorted(operation["responses"].items())
        ],
    }


def _model(described: dict[str, Any]) -> str:
    """Name of the component that a body or an answer is."""
    for content in described.get("content", {}).values():
        schema = content.get("schema", {})
        reference = schema.get("$ref") or schema.get("items", {}).get("$ref", "")
        return str(reference).rpartition("/")[2]
    return ""
