"""Our templates of widgets against those that they stand in for."""

from __future__ import annotations

import pytest
from django.forms import CheckboxInput, NumberInput, Select, TextInput, Widget
from django.forms.renderers import DjangoTemplates, TemplatesSetting
from django.test.html import parse_html
from unfold.widgets import UnfoldAdminSelectWidget

CHOICES = [("", "None"), ("Group", [("a&b", "A & B"), ("<c>", "C")])]


@pytest.mark.parametrize(
    ("widget", "value"),
    [
        (TextInput({"class": 'a "b"', "required": True, "disabled": False}), "<x> & 'y'"),
        (NumberInput({"min": 0}), None),
        (CheckboxInput({"class": "box"}), True),
        (Select({"class": "c"}, CHOICES), "a&b"),
        (UnfoldAdminSelectWidget({"data-x": "<1>"}, CHOICES), "<c>"),
    ],
)
def test_widgets_look_as_their_authors_meant(widget: Widget, value: object) -> None:
    ours, theirs = (
        parse_html(widget.render("n", value, {"id": "i"}, renderer))
        for renderer in (TemplatesSetting(), DjangoTemplates())
    )
    assert ours == theirs
