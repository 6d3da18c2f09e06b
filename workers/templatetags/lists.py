"""The rows of a list in a tenth of unfold's markup: fifty of them are most of a page's time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import template
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import display_for_field, display_for_value, lookup_field
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.templatetags.unfold_list import result_headers

register = template.Library()

_NOTHING = "\u2013"
_ROW_HEAD = '<th scope="row" class="field-{}">{}</th>'
_CELL = '<td class="field-{}">{}</td>'


@register.inclusion_tag("admin/list_rows.html", takes_context=True)
def list_rows(context: dict[str, Any], cl: ChangeList) -> dict[str, Any]:
    headers = list(result_headers(cl))
    return {
        "cl": cl,
        "result_headers": headers,
        "num_sorted_fields": sum(bool(head["sortable"] and head["sorted"]) for head in headers),
        "rows": [(row.pk, str(row), _cells(cl, row)) for row in cl.result_list],
        "actions": context.get("actions_row"),
        "has_add_permission": context.get("has_add_permission"),
        "empty": getattr(cl.model_admin, "empty_hint", ""),
        "request": context.get("request"),
    }


@register.simple_tag
def place_url(cl: ChangeList, place: Any) -> str:
    """The same list with the same filters, at another place; at its beginning without one."""
    return cl.get_query_string({PAGE_VAR: place or None})


def _cells(cl: ChangeList, row: Model) -> SafeString:
    return format_html_join("", "{}", ((cell,) for cell in _each_cell(cl, row)))


def _each_cell(cl: ChangeList, row: Model) -> Iterator[SafeString]:
    links = [str(name) for name in cl.list_display_links or ()]
    for name in map(str, cl.list_display):
        if name == "action_checkbox":
            yield _checkbox(row)
            continue
        shown = _shown(cl, name, row)
        if name in links:
            shown = _link(cl, row, shown)
        yield format_html(_ROW_HEAD if name in links[:1] else _CELL, name, shown)


def _checkbox(row: Model) -> SafeString:
    return format_html(
        '<td><input type="checkbox" name="{}" value="{}" class="action-select" '
        'aria-label="Select {}"></td>',
        ACTION_CHECKBOX_NAME,
        row.pk,
        row,
    )


def _shown(cl: ChangeList, name: str, row: Model) -> Any:
    try:
        field, attribute, value = lookup_field(name, row, cl.model_admin)
    except ObjectDoesNotExist:
        return _NOTHING
    if field is None or field.auto_created:
        return display_for_value(value, _NOTHING, getattr(attribute, "boolean", False))
    if field.is_relation:
        return value if (value := getattr(row, field.name)) is not None else _NOTHING
    return display_for_field(value, field, _NOTHING)


def _link(cl: ChangeList, row: Model, shown: Any) -> SafeString:
    filters: Any = {"preserved_filters": cl.preserved_filters, "opts": cl.opts}
    return format_html(
        '<a href="{}">{}</a>', add_preserved_filters(filters, cl.url_for_result(row)), shown
    )
