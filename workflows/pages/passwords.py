"""The page behind the link that a new member gets: it sets the first password, once."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import PasswordResetConfirmView
from django.urls import reverse_lazy
from unfold.widgets import INPUT_CLASSES

from workflows.accounts import BACKEND


class FirstPasswordForm(SetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = " ".join(INPUT_CLASSES)


class SetPassword(PasswordResetConfirmView):
    form_class = FirstPasswordForm
    template_name = "admin/set_password.html"
    success_url = reverse_lazy("admin:index")
    post_reset_login = True
    post_reset_login_backend = BACKEND
    title = "Choose a password"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**admin.site.each_context(self.request), **super().get_context_data(**kwargs)}
