"""Parts of admin pages that know no model: dialogs before actions, answers after them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm


def confirmed(
    title: str,
    question: str,
    *,
    icon: str,
    needs: str,
    variant: ActionVariant = ActionVariant.DEFAULT,
    form_class: type[BaseDialogForm] | None = None,
) -> Callable[..., Any]:
    """An action that acts on POST only: unfold's actions are links, and GET must not act.

    GET answers a dialog that asks ``question``. ``needs`` names the permission method,
    ``has_<needs>_permission``, which unfold calls with the row's id. ``form_class`` asks for more
    than a yes.
    """
    return action(
        description=title,
        icon=icon,
        permissions=[needs],
        variant=variant,
        dialog={
            "title": title,
            "description": question,
            "form_class": form_class,
            "form_submit_text": title,
        },
    )


def go_to(request: HttpRequest, address: str) -> HttpResponse:
    """Redirect; a dialog is part of a page, so htmx redirects the page around it."""
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(address)
    return HttpResponseRedirect(address)


def go_back(
    request: HttpRequest, row: Model, message: str, level: int = messages.SUCCESS
) -> HttpResponse:
    """Say what happened, on the page the action was called from or else the row's own."""
    messages.add_message(request, level, message)
    page = request.htmx.current_url_abs_path  # type: ignore[attr-defined]
    own = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return go_to(request, page or reverse(own, args=[row.pk]))


class ReadOnly:
    """Mixin of an admin whose rows are written elsewhere."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
