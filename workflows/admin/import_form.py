"""The page that imports a payload of the existing system."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from engine.issue import Issue
from workers.pages.zones import zone_names
from workflows.models import Connection, Team
from workflows.services.importing.legacy import Mode
from workflows.services.importing.legacy.codes import E_UNKNOWN_CONNECTION
from workflows.services.strict_json import JSONRefused, loads

#: Names the fields that say which connection a name of the payload means.
_MEANS = "means:"
_MODES = {
    Mode.CREATE: "refuse it",
    Mode.UPDATE: "replace that workflow's definition",
    Mode.COPY: "make a second one, with a new id",
}


class ImportForm(forms.Form):
    """A payload as text or as a file; asks for connections once it is known which are meant."""

    team = forms.ModelChoiceField(Team.objects.none(), widget=UnfoldAdminSelectWidget)
    file = forms.FileField(
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".json,application/json"}),
        help_text="What addWorkflow was called with, as JSON.",
    )
    payload = forms.CharField(
        required=False,
        strip=False,
        label="Or the JSON itself",
        widget=UnfoldAdminTextareaWidget(attrs={"class": "code", "spellcheck": "false"}),
    )
    mode = forms.ChoiceField(
        choices=list(_MODES.items()),
        label="If its workflow_id is there",
        widget=UnfoldAdminSelectWidget,
    )
    schedule = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="cron:0 2 * * * or interval:60, in minutes; empty = on demand.",
    )
    timezone = forms.ChoiceField(initial="UTC", label="Time zone", widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, teams: QuerySet[Team], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]
        self.fields["timezone"].choices = [(z, z) for z in zone_names()]  # type: ignore[attr-defined]
        if teams.count() == 1:
            self.fields["team"].initial = teams.get()
        self._slugs = Connection.objects.filter(team__in=teams).values_list("slug", "name")
        self._ask_for(name.removeprefix(_MEANS) for name in self.data if name.startswith(_MEANS))

    def clean(self) -> dict[str, Any]:
        """Keep an uploaded text in the page, so that it need not be chosen again."""
        cleaned = super().clean() or {}
        if cleaned.get("file"):
            cleaned["payload"] = _text_of(cleaned["file"])
            self.data = {**self.data.dict(), "payload": cleaned["payload"]}  # type: ignore[attr-defined]
        try:
            cleaned["parsed"] = _object(cleaned.get("payload", ""))
        except ValidationError as error:
            self.add_error("payload", error)
        return cleaned

    @property
    def connections(self) -> dict[str, str]:
        """Name in the payload → slug, of those that were chosen."""
        chosen = {name: self.cleaned_data.get(name) for name in self._meant()}
        return {name.removeprefix(_MEANS): slug for name, slug in chosen.items() if slug}

    def ask_for_connections(self, issues: Iterable[Issue]) -> None:
        """Offer a choice for each name that no connection was found for."""
        unknown = (issue for issue in issues if issue.code == E_UNKNOWN_CONNECTION)
        self._ask_for(issue.model_dump()["locator"]["wanted"] for issue in unknown)

    def _ask_for(self, names: Iterable[str]) -> None:
        choices = [("", "Select connection"), *self._slugs]
        for name in dict.fromkeys(names):
            self.fields[_MEANS + name] = forms.ChoiceField(
                choices=choices,
                required=False,
                label=f"Connection for '{name}'",
                widget=UnfoldAdminSelectWidget,
            )
        self.order_fields(["team", *self._meant()])

    def _meant(self) -> list[str]:
        return [name for name in self.fields if name.startswith(_MEANS)]


def _text_of(file: Any) -> str:
    try:
        return str(file.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        found = f"not UTF-8 at byte {error.start}; save it as UTF-8"
        raise ValidationError({"file": found}) from None


def _object(text: str) -> dict[str, Any]:
    if not text.strip():
        raise ValidationError("nothing to import: choose a file, or paste its JSON here")
    try:
        parsed = loads(text)
    except JSONRefused as error:
        raise ValidationError(error.message) from None
    if not isinstance(parsed, dict):
        raise ValidationError(f"expected one JSON object in braces, got a {type(parsed).__name__}")
    return parsed
