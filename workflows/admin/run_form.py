"""What a run by hand may be given: the parameters of the registered version."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from workflows import access
from workflows.models import Registration

#: Keeps parameters apart from the dialog's own fields.
_PREFIX = "parameter_"


class JSONValueField(forms.CharField):
    """A list, an object or null, as JSON."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value)

    def to_python(self, value: Any) -> Any:
        try:
            return json.loads(value or "null")
        except ValueError as error:
            raise ValidationError(f"not JSON: {error}") from error


class RunForm(BaseDialogForm):
    """One field per parameter, of the type its default has."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.defaults = _defaults(self.request.user, self.object_id)
        for name, default in self.defaults.items():
            self.fields[_PREFIX + name] = _field(name, default)

    def changed(self) -> dict[str, Any]:
        """The parameters that are not what the version says anyway."""
        given = {name: self.cleaned_data.get(_PREFIX + name) for name in self.defaults}
        return {name: value for name, value in given.items() if value != self.defaults[name]}


def _defaults(viewer: Any, workflow_id: Any) -> dict[str, Any]:
    rows = access.scope(viewer, Registration.objects.select_related("version"))
    current = rows.filter(pk=workflow_id).first()
    version = current.version if current else None
    parameters: dict[str, Any] = version.definition.get("parameters", {}) if version else {}
    return parameters


def _field(name: str, default: Any) -> forms.Field:
    described = {"label": name, "initial": default, "required": False}
    match default:
        case bool():
            return forms.BooleanField(widget=UnfoldBooleanSwitchWidget, **described)
        case int():
            described["required"] = True
            return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget, **described)
        case float():
            described["required"] = True
            return forms.FloatField(widget=UnfoldAdminDecimalFieldWidget, **described)
        case str():
            return forms.CharField(widget=UnfoldAdminTextInputWidget, strip=False, **described)
    return JSONValueField(**described)
