from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from requests import RequestException

from flowadmin.single_sign_on.provider import Server


@require_POST
@never_cache
def login(request: HttpRequest) -> HttpResponseBase:
    """Off to the server."""
    return _answer(OAuth2LoginView, request)


@require_GET
@never_cache
def callback(request: HttpRequest) -> HttpResponseBase:
    """Back from the server."""
    return _answer(OAuth2CallbackView, request)


def _answer(view: Any, request: HttpRequest) -> HttpResponseBase:
    try:
        answer: HttpResponseBase = view.adapter_view(Server)(request)
    except (OAuth2Error, RequestException, KeyError, ValueError) as error:
        return _unreachable(request, error)
    return answer


def _unreachable(request: HttpRequest, error: Exception) -> HttpResponseBase:
    """The server is silent, or its description of itself is not one."""
    try:
        get_adapter(request).on_authentication_error(request, exception=error)
    except ImmediateHttpResponse as back:
        answer: HttpResponseBase = back.response
        return answer
    raise error
