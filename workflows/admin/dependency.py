"""The dependencies of a workflow, as part of its form.

Nodes are named by key, so that a node and a dependency to it are saved together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.admin import TabularInline
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminTextInputWidget

from engine.suggestion import unknown
from workflows.admin.base import PartForm, PartOfParent
from workflows.models import Dependency

_NODE_KEY = re.compile(r"nodes-\d+-key")


def _key_field(label: str) -> forms.CharField:
    attrs = {"list": "node-keys", "autocomplete": "off"}
    return forms.CharField(label=label, widget=UnfoldAdminTextInputWidget(attrs=attrs))


class DependencyForm(PartForm):
    source_key = _key_field("From node")
    target_key = _key_field("To node")

    class Meta:
        model = Dependency
        fields = ["source_port", "target_port"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["source_key"] = self.instance.source.key
            self.initial["target_key"] = self.instance.target.key

    def save(self, commit: bool = True) -> Dependency:
        nodes = {node.key: node for node in self.instance.workflow.nodes.all()}
        self.instance.source = nodes[self.cleaned_data["source_key"]]
        self.instance.target = nodes[self.cleaned_data["target_key"]]
        return super().save(commit)


class DependencyFormSet(PaginationInlineFormSet):
    """Checks the ends against the nodes of the same submission."""

    def clean(self) -> None:
        super().clean()
        keys = posted_node_keys(self.data)
        seen: Counter[tuple[str, ...]] = Counter()
        for form in self.forms:
            if self._should_delete_form(form) or not getattr(form, "cleaned_data", None):
                continue
            self._check(form, keys, seen)

    def _check(self, form: Any, keys: set[str], seen: Counter[tuple[str, ...]]) -> None:
        names = ("source_key", "source_port", "target_key", "target_port")
        edge = tuple(form.cleaned_data.get(name, "") for name in names)
        seen[edge] += 1
        if seen[edge] > 1:
            form.add_error(None, f"'{edge[0]}' to '{edge[2]}' is there twice: delete one")
        if edge[0] and edge[0] == edge[2]:
            form.add_error("target_key", f"node '{edge[0]}' cannot depend on itself")
        for name in ("source_key", "target_key"):
            key = form.cleaned_data.get(name)
            if key and key not in keys and form.has_changed():
                form.add_error(name, unknown("node", key, sorted(keys)))


def posted_node_keys(posted: Mapping[str, Any]) -> set[str]:
    """Keys of the nodes that will be there after this submission."""
    return {
        posted[name].strip()
        for name in posted
        if _NODE_KEY.fullmatch(name) and not posted.get(name.replace("-key", "-DELETE"))
    }


class DependencyInline(PartOfParent, TabularInline):
    model = Dependency
    form = DependencyForm
    formset = DependencyFormSet
    fields = ["source_key", "source_port", "target_key", "target_port"]
    extra = 0
    tab = True
    hide_title = True
    show_count = True

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).select_related("source", "target")
