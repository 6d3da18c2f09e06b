"""The server that says who somebody is: stricter than the library, which checks neither the
signature of a token that it fetched itself nor a nonce."""

from __future__ import annotations

import secrets
from typing import Any

from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse


class Server(OpenIDConnectOAuth2Adapter):
    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request, settings.FLOWADMIN_OIDC_SERVER)

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return request.build_absolute_uri(reverse("sso-callback"))

    def complete_login(
        self, request: HttpRequest, app: Any, token: Any, **kwargs: Any
    ) -> SocialLogin:
        """Raises OAuth2Error for an answer that is not as the standard has it."""
        # Fetched over a connection that need not be private: the signature counts.
        self.did_fetch_access_token = False
        try:
            login = super().complete_login(request, app, token, **kwargs)
            told = login.account.extra_data
            subjects = {part["sub"] for part in (told["id_token"], told.get("userinfo")) if part}
        except (KeyError, TypeError, ValueError) as error:
            raise OAuth2Error(f"unexpected answer: {error!r}") from error
        if len(subjects) != 1:
            raise OAuth2Error("token and user information are about different users")
        return login


class Provider(OpenIDConnectProvider):
    id = "oidc"
    oauth2_adapter_class = Server

    def get_oauth2_adapter(self, request: HttpRequest) -> Server:
        return Server(request)

    def redirect_from_request(self, request: HttpRequest) -> HttpResponse:
        """What a visitor adds to the address (scopes, parameters, another process) is left out."""
        nonce = secrets.token_urlsafe()
        asked = self.get_redirect_from_request_kwargs(request)
        answer: HttpResponse = self.redirect(
            request,
            process="login",
            next_url=asked.get("next_url"),
            auth_params={"nonce": nonce},
            nonce=nonce,
        )
        return answer


provider_classes = [Provider]
