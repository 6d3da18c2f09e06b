"""How often one principal may ask; counted per token, not per address."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from workflows.models import ApiToken

if TYPE_CHECKING:
    # At run time it would close a circle: views read the settings that name this module.
    from rest_framework.views import APIView

log = logging.getLogger(__name__)


class PrincipalThrottle(SimpleRateThrottle):
    scope = "api"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        if isinstance(request.auth, ApiToken):
            ident = f"token-{request.auth.prefix}"
        elif request.user.is_authenticated:
            ident = f"user-{request.user.pk}"
        else:
            ident = self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": ident}

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return super().allow_request(request, view)
        except RedisError as error:
            log.warning("requests are not counted, Redis does not answer: %s", error)
            return True
