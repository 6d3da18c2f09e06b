"""A pydantic model as Django form fields, by way of its JSON Schema."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django import forms
from pydantic import BaseModel, ValidationError
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from workflows.admin.json_field import JSONObjectField

#: Keeps the names of a Config's fields apart from those of the row that holds them.
PREFIX = "config_"


def config_fields(
    model: type[BaseModel], values: Mapping[str, Any], stored_secrets: Collection[str] = ()
) -> dict[str, forms.Field]:
    """One form field per field of ``model``, named with ``PREFIX``.

    Secrets are never filled in; those that are stored may be left blank.
    """
    schema = model.model_json_schema()
    fields = {}
    for name, described in schema["properties"].items():
        described = _resolve(described, schema.get("$defs", {}))
        field = _field(described)
        is_secret = is_secret_schema(described)
        is_optional = name in stored_secrets or isinstance(field, forms.BooleanField)
        field.required = name in schema.get("required", ()) and not is_optional
        field.label = described.get("title", name.replace("_", " ").capitalize())
        field.help_text = described.get("description", "")
        if name in stored_secrets:
            field.help_text = f"{field.help_text} Leave blank to keep the stored one.".strip()
        field.initial = None if is_secret else values.get(name, described.get("default"))
        fields[PREFIX + name] = field
    return fields


def is_secret_schema(described: Mapping[str, Any]) -> bool:
    return bool(described.get("writeOnly")) or described.get("format") == "password"


def config_values(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """What was filled in, by the names of the Config; blanks are left to its defaults."""
    named = {name.removeprefix(PREFIX): v for name, v in cleaned.items() if name.startswith(PREFIX)}
    return {name: value for name, value in named.items() if value not in ("", None)}


def add_config_errors(form: forms.BaseForm, error: ValidationError) -> None:
    """Put each finding at its field; one that has none concerns the whole form."""
    for problem in error.errors(include_input=False):
        name = PREFIX + str(problem["loc"][0]) if problem["loc"] else ""
        form.add_error(name if name in form.fields else None, problem["msg"])


def _field(schema: Mapping[str, Any]) -> forms.Field:
    if is_secret_schema(schema):
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
        return forms.CharField(widget=widget, strip=False)
    if "enum" in schema:
        choices = [(value, value) for value in schema["enum"]]
        return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget)
    match schema.get("type"):
        case "boolean":
            return forms.BooleanField(widget=UnfoldBooleanSwitchWidget)
        case "integer":
            return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget, **_bounds(schema))
        case "number":
            return forms.FloatField(widget=UnfoldAdminDecimalFieldWidget, **_bounds(schema))
        case "object":
            return JSONObjectField()
        case "array":
            return LinesField(widget=UnfoldAdminTextareaWidget)
    return forms.CharField(widget=UnfoldAdminTextInputWidget)


class LinesField(forms.CharField):
    """A list of strings, one per line."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in (value or "").splitlines() if line.strip()]


def _bounds(schema: Mapping[str, Any]) -> dict[str, Any]:
    bounds = {"min_value": schema.get("minimum"), "max_value": schema.get("maximum")}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _resolve(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """References followed, and ``T | None`` read as an optional ``T``."""
    if "$ref" in schema:
        target = defs[schema["$ref"].rpartition("/")[2]]
        # A model's own title is a class name; the field's is for people.
        untitled = {k: v for k, v in target.items() if k != "title"}
        return _resolve({**untitled, **{k: v for k, v in schema.items() if k != "$ref"}}, defs)
    variants = [v for v in schema.get("anyOf", ()) if v.get("type") != "null"]
    if len(variants) == 1:
        return _resolve({**schema, "anyOf": (), **variants[0]}, defs)
    return dict(schema)
