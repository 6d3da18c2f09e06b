"""The nodes of a workflow, as part of its form."""

from __future__ import annotations

from typing import Any

from django import forms
from pydantic import ValidationError as PydanticError
from unfold.admin import StackedInline
from unfold.widgets import UnfoldAdminSelectWidget

from engine import registry
from workflows.admin.base import PartForm, PartOfParent
from workflows.admin.json_field import JSONObjectField
from workflows.definition import NodeDefinition
from workflows.models import Node


def kind_choices(current: str = "") -> list[Any]:
    """Kinds by group; one that is not installed here stays what it is."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for slug, kind in sorted(registry.kinds().items()):
        groups.setdefault(kind.group, []).append((slug, kind.label))
    choices: list[Any] = [("", "Select kind"), *sorted(groups.items())]
    if current and current not in registry.kinds():
        choices.append((current, f"{current} (unknown)"))
    return choices


class NodeForm(PartForm):
    kind = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    config = JSONObjectField(help_text="Settings of the kind, as JSON.")

    class Meta:
        model = Node
        fields = [
            "key",
            "name",
            "kind",
            "config",
            "position",
            "retries",
            "retry_delay_seconds",
            "timeout_seconds",
            "checkpoint",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            # unfold's name for the line that opens the row.
            self.instance.get_inline_title = f"{self.instance} · {self.instance.kind}"
        self.fields["kind"].choices = kind_choices(self.instance.kind)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse what a definition cannot hold; what the config says is the compiler's matter."""
        cleaned = super().clean() or {}
        try:
            NodeDefinition(**{k: v for k, v in cleaned.items() if k in NodeDefinition.model_fields})
        except PydanticError as error:
            for problem in error.errors():
                field = str(problem["loc"][0])
                if field in cleaned:
                    self.add_error(field, problem["msg"])
        return cleaned


class NodeInline(PartOfParent, StackedInline):
    model = Node
    form = NodeForm
    fieldsets = [
        (None, {"fields": [("key", "kind"), "name", "config"]}),
        (
            "When it fails",
            {
                "classes": ["collapse"],
                "fields": [
                    ("retries", "retry_delay_seconds"),
                    ("timeout_seconds", "checkpoint"),
                    "position",
                ],
            },
        ),
    ]
    extra = 0
    tab = True
    collapsible = True
    show_count = True
    template_before = "admin/workflows/workflow/nodes_before.html"
