"""HTTP to Prefect's API: one connection pool, every failure in the gateway's words."""

from __future__ import annotations

from typing import Any

import httpx

from workers.prefect.gateway import GatewayError, NotThere, PrefectRefused, PrefectUnreachable

TIMEOUT = httpx.Timeout(15, connect=3)
#: Everything httpx raises; its tree has four roots.
HTTPX_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)
_BROKEN_CONNECTION = (
    httpx.ConnectError,
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
)
#: Refusals that somebody can mend without changing the request.
_TRY_AGAIN = frozenset({401, 403, 408, 429})


class Transport:
    """Sends JSON, returns JSON. Safe between threads, not across a fork."""

    def __init__(self, api_url: str, auth_string: str = "") -> None:
        user, _, password = auth_string.partition(":")
        self._url = api_url.rstrip("/")
        self._client = httpx.Client(
            base_url=self._url,
            auth=httpx.BasicAuth(user, password) if auth_string else None,
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=10, max_keepalive_connections=5),
            trust_env=False,
        )

    def get(self, path: str) -> Any:
        return self.send("GET", path, is_idempotent=True)

    def find(self, path: str, body: dict[str, Any]) -> Any:
        """A POST that only reads."""
        return self.send("POST", path, body, is_idempotent=True)

    def send(self, method: str, path: str, body: Any = None, *, is_idempotent: bool = False) -> Any:
        """The answer's JSON, None when it has no content. Raises ``GatewayError``."""
        try:
            response = self._request(method, path, body, tries=2 if is_idempotent else 1)
        except HTTPX_ERRORS as error:
            raise self._unreachable(f"{type(error).__name__} {error}".strip()) from error
        if response.is_error:
            raise self._refused(response, f"{method} {path}")
        try:
            return response.json() if response.content else None
        except ValueError as error:
            raise self._unreachable("the answer is not JSON") from error

    def close(self) -> None:
        self._client.close()

    def _request(self, method: str, path: str, body: Any, tries: int) -> httpx.Response:
        # A kept connection may have been closed by a server that restarted: once is enough.
        for left in reversed(range(tries)):
            try:
                return self._client.request(method, path, json=body)
            except _BROKEN_CONNECTION:
                if not left:
                    raise
        raise AssertionError("unreachable")

    def _unreachable(self, why: str) -> PrefectUnreachable:
        return PrefectUnreachable(
            f"Prefect does not answer at '{self._url}' ({why}); expected its API there; "
            "start it, or correct PREFECT_API_URL"
        )

    def _refused(self, response: httpx.Response, request: str) -> GatewayError:
        status, words = response.status_code, _words(response)
        if status >= 500 or status in _TRY_AGAIN:
            return self._unreachable(f"{request}: {status} {words}")
        if status == 404:
            return NotThere(f"Prefect does not know what '{request}' names: {words}")
        return PrefectRefused(f"Prefect refused '{request}' with {status}: {words}")


def _words(response: httpx.Response) -> str:
    """Prefect's own words about an error, without the input they quote."""
    try:
        body = response.json()
    except ValueError:
        return response.text[:300]
    if isinstance(body, dict):
        body = body.get("detail") or body.get("exception_detail") or body
    if isinstance(body, list):
        body = "; ".join(_finding(finding) for finding in body)
    return str(body)[:1000]


def _finding(finding: Any) -> str:
    if not isinstance(finding, dict):
        return str(finding)
    where = ".".join(str(part) for part in finding.get("loc", ()))
    return f"{where}: {finding.get('msg')}"
