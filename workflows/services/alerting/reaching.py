"""Posts to addresses that teams choose, and keeps them from reaching the machines inside."""

from __future__ import annotations

from collections.abc import Mapping

import httpcore
import httpx

from engine.connectors.http.transport import CheckedTransport
from engine.errors import AccessDenied, Unreachable
from workflows.services.alerting.channel import NotSent

TIMEOUT_SECONDS = 10
_TRY_LATER = (408, 425, 429)
_NO_ANSWER = (
    httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpx.HTTPError,
)  # fmt: skip


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Follows no redirect. Raises NotSent for anything but a 2xx answer."""
    host = httpx.URL(url).host
    try:
        with httpx.Client(transport=CheckedTransport(), timeout=TIMEOUT_SECONDS) as client:
            answer = client.post(url, content=body, headers=dict(headers))
    except AccessDenied as error:
        raise NotSent(str(error), permanent=True) from None
    except Unreachable as error:
        raise NotSent(str(error)) from None
    except _NO_ANSWER as error:
        raise NotSent(f"'{host}' does not answer: {type(error).__name__}") from error
    if not answer.is_success:
        is_refusal = answer.is_client_error and answer.status_code not in _TRY_LATER
        permanent = answer.is_redirect or is_refusal
        raise NotSent(f"'{host}' answered {answer.status_code}", permanent=permanent)
