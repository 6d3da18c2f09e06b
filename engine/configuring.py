"""Settings of a node: a kind's Config from JSON, with findings in our own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engine.issue import Issue
from engine.kind import NodeConfig
from engine.suggestion import unknown


class SettingError(ValueError):
    """Raised by a Config's own validator, to address a field and give a stable code."""

    def __init__(self, message: str, *, field: str, code: str = "setting_invalid") -> None:
        super().__init__(message)
        self.field = field
        self.code = code


def parse_config(
    model: type[NodeConfig], config: Mapping[str, Any]
) -> tuple[NodeConfig | None, list[Issue]]:
    """A validated Config, or None and one issue per setting that does not pass."""
    try:
        return model.model_validate(config), []
    except ValidationError as error:
        return None, [issue_of(model, details) for details in error.errors(include_url=False)]


def issue_of(model: type[BaseModel], details: ErrorDetails) -> Issue:
    """One finding of pydantic; the value is told if ``details`` has it, so leave out secrets."""
    location = details["loc"]
    field = ".".join(map(str, location))
    match details["type"]:
        case "extra_forbidden":
            holder = _model_at(model, location[:-1])
            message = unknown("setting", str(location[-1]), _settings(holder))
            return Issue(code="setting_unknown", message=message, field=field)
        case "missing":
            message = f"setting '{location[-1]}' is missing; {_purpose(model, location)}"
            return Issue(code="setting_missing", message=message, field=field)
        case "value_error":
            error = details["ctx"]["error"]
            if isinstance(error, SettingError):
                field = ".".join(filter(None, (field, error.field)))
                return Issue(code=error.code, message=str(error), field=field)
            message = str(error)
        case _:
            expected = details["msg"].replace("Input should", "it should")
            given = _shown(details["input"]) if "input" in details else f"what '{field}' has"
            message = f"{given} cannot be used here; {_lower(expected)}"
    return Issue(code="setting_invalid", message=message, field=field)


def _model_at(model: type[BaseModel], location: Sequence[int | str]) -> type[BaseModel] | None:
    """The model that ``location`` leads to, through lists of models."""
    for part in location:
        if isinstance(part, int):
            continue
        setting = model.model_fields.get(part)
        annotation: Any = setting.annotation if setting else None
        found = [a for a in (annotation, *get_args(annotation)) if _is_model(a)]
        if not found:
            return None
        model = found[0]
    return model


def _settings(model: type[BaseModel] | None) -> list[str]:
    """Names of a model's settings as users write them."""
    fields = model.model_fields if model else {}
    return [field.alias or name for name, field in fields.items()]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _purpose(model: type[BaseModel], location: Sequence[int | str]) -> str:
    holder = _model_at(model, location[:-1])
    description = holder.model_fields[str(location[-1])].description if holder else ""
    return _lower((description or "give it a value").rstrip("."))


def _shown(value: Any) -> str:
    text = str(value)
    return f"'{text[:80]}…'" if len(text) > 80 else f"'{text}'"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
