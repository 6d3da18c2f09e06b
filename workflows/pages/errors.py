"""What somebody sees whose page is not there, or not theirs to see."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def not_there(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The same page for what never was, was deleted, and belongs to another team."""
    return _page(request, 404, "There is no such page", "It was deleted, or is another team's.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    text = "Your role does not allow it. Ask an administrator of the team for another one."
    return _page(request, 403, "You may not do that", text)


def _page(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, "text": text}
    return render(request, "admin/refused.html", context, status=status)
