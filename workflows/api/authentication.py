"""``Authorization: Bearer fa_<prefix>_<secret>``."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from workflows.access import ServicePrincipal
from workflows.models import ApiToken
from workflows.services import tokens


class TokenAuthentication(BaseAuthentication):
    """Another scheme is left to the next authentication; a wrong token is an error."""

    def authenticate(self, request: Request) -> tuple[ServicePrincipal, ApiToken] | None:
        scheme, *rest = get_authorization_header(request).split() or [b""]
        if scheme.lower() != b"bearer":
            return None
        plain = rest[0].decode(errors="replace") if len(rest) == 1 else ""
        token = tokens.find(plain)
        if token is None:
            raise AuthenticationFailed("the token is wrong, expired or revoked")
        return ServicePrincipal(token), token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="FlowAdmin"'


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "fa_<prefix>_<secret>"}
