"""What users choose for themselves."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.views.generic import FormView
from unfold.widgets import UnfoldAdminSelectWidget

from workers.pages.zones import COOKIE, zone_names, zone_of
from workflows.models import Preferences


class PreferencesForm(forms.ModelForm):
    class Meta:
        model = Preferences
        fields = ["zone"]
        help_texts = {"zone": "Pages tell times in it. The API always tells UTC."}

    def __init__(self, *args: Any, browser_zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        of_browser = f"as the browser says ({browser_zone})"
        names = [(name, name.replace("_", " ")) for name in zone_names()]
        self.fields["zone"].widget = UnfoldAdminSelectWidget(choices=[("", of_browser), *names])


class PreferencesPage(SuccessMessageMixin, FormView):
    form_class = PreferencesForm
    template_name = "admin/preferences.html"
    success_url = reverse_lazy("preferences")
    success_message = "Your preferences are kept."

    def get_form_kwargs(self) -> dict[str, Any]:
        """Of who asks, whoever that is."""
        user = self.request.user
        assert isinstance(user, User), "the admin lets nobody else in"
        own = Preferences.objects.filter(user=user).first()
        return {
            **super().get_form_kwargs(),
            "instance": own or Preferences(user=user),
            "browser_zone": str(zone_of(self.request.COOKIES.get(COOKIE, "")) or "UTC"),
        }

    def form_valid(self, form: PreferencesForm) -> HttpResponse:
        form.save()
        return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        site = admin.site.each_context(self.request)
        return {**site, "title": "Preferences", **super().get_context_data(**kwargs)}
