"""JSON as people edit it: indented, and with an error that names line and column."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from unfold.widgets import UnfoldAdminTextareaWidget


class JSONObjectField(forms.JSONField):
    """A JSON object; what its keys mean is checked by the compiler, not by the form."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        widget = UnfoldAdminTextareaWidget(attrs={"class": "code", "spellcheck": "false"})
        super().__init__(widget=widget, **kwargs)

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return {}
        try:
            parsed = json.loads(value) if isinstance(value, str) else value
        except json.JSONDecodeError as error:
            raise ValidationError(
                f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
            ) from None
        if not isinstance(parsed, dict):
            raise ValidationError(f"expected a JSON object in braces, got '{value}'")
        return parsed

    def validate(self, value: Any) -> None:
        """An empty object is a value."""

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, InvalidJSONInput):
            return value
        return json.dumps(value or {}, ensure_ascii=False, indent=2)
