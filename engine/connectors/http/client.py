"""Sends requests and reads JSON: patient with services that are busy, strict with all others."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from threading import Event
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from engine.connectors.http.config import HttpConfig
from engine.connectors.http.transport import CheckedTransport
from engine.errors import AccessDenied, ConnectorError, Interrupted, TableNotFound, Unreachable

_BUSY = {429, 502, 503, 504}
_FIRST_PAUSE_SECONDS = 0.5
_REDIRECTS = 5
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    #: The address after redirects.
    url: str
    #: Where the header ``Link`` says that the next page is; empty = it does not.
    next_link: str


class Client:
    """A context manager; ``stopped`` ends pauses."""

    def __init__(self, config: HttpConfig, stopped: Event) -> None:
        self._config = config
        self._stopped = stopped
        self._http = httpx.Client(
            transport=CheckedTransport(),
            timeout=config.options.timeout_seconds,
            headers={"Accept": "application/json", **config.headers},
            auth=_auth(config),
        )

    def __enter__(self) -> Client:
        self._http.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._http.__exit__(*exc)

    def url_of(self, path: str) -> str:
        """Below the base URL. Raises ``AccessDenied`` for an address elsewhere."""
        url = path if "://" in path else f"{self._config.base_url}/{path.lstrip('/')}".rstrip("/")
        if _origin(url) != _origin(self._config.base_url):
            raise AccessDenied(
                f"'{_shown(url)}' is not at '{self._config.base_url}', and the connection's "
                "credentials go there only; make a connection of its own for it"
            )
        return url

    def get(self, url: str, query: Mapping[str, str]) -> Answer:
        """Raises ``ConnectorError`` for whatever is no success."""
        for attempt in range(self._config.options.retries + 1):
            is_last = attempt == self._config.options.retries
            try:
                answer, retry_after = self._follow(url, query)
            except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as e:
                if is_last:
                    raise self._silent(url, e) from None
                retry_after = ""
            else:
                if answer.status < 300:
                    return answer
                if is_last or answer.status not in _BUSY:
                    raise self._refused(answer)
            self._pause(retry_after, attempt)
        raise AssertionError("the last attempt returns or raises")

    def pause(self, seconds: float) -> None:
        """Raises ``Interrupted`` when the rows are no longer wanted."""
        if self._stopped.wait(seconds):
            raise Interrupted("the rows are no longer wanted")

    def _follow(self, url: str, query: Mapping[str, str]) -> tuple[Answer, str]:
        """Redirects stay where the credentials belong; with what ``Retry-After`` said."""
        merged = httpx.URL(url).copy_merge_params({**query, **self._key_in_query()})
        for _ in range(_REDIRECTS + 1):
            with self._http.stream("GET", merged) as response:
                if not response.is_redirect:
                    body = self._read(response)
                    link = response.links.get("next", {}).get("url", "")
                    link = urljoin(str(merged), link) if link else ""
                    answer = Answer(response.status_code, body, str(merged), link)
                    return answer, response.headers.get("Retry-After", "")
                merged = httpx.URL(self.url_of(urljoin(str(merged), response.headers["Location"])))
        raise ConnectorError(f"'{_shown(url)}' redirects too often; check the path", permanent=True)

    def _key_in_query(self) -> dict[str, str]:
        if self._config.auth == "api_key" and self._config.api_key_in == "query":
            return {self._config.api_key_name: self._config.token.get_secret_value()}
        return {}

    def _read(self, response: httpx.Response) -> bytes:
        limit = self._config.options.max_answer_mb << 20
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > limit:
                raise ConnectorError(
                    f"an answer of '{_shown(str(response.url))}' has more than "
                    f"{self._config.options.max_answer_mb} MB; ask for smaller pages, or raise "
                    "options.max_answer_mb of the connection",
                    permanent=True,
                )
        return b"".join(parts)

    def _pause(self, retry_after: str, attempt: int) -> None:
        wanted = _seconds(retry_after)
        seconds = _FIRST_PAUSE_SECONDS * 2**attempt if wanted is None else wanted
        self.pause(min(seconds, self._config.options.max_wait_seconds))

    def _refused(self, answer: Answer) -> ConnectorError:
        said = " ".join(answer.body[:4096].decode("utf-8", "replace").split())[:_SHOWN]
        text = f"'{_shown(answer.url)}' answers {answer.status}: {self._hidden(said) or 'nothing'}"
        match answer.status:
            case 401 | 403:
                return AccessDenied(f"{text}; check user, password or token of the connection")
            case 404 | 410:
                return TableNotFound(f"{text}; check the path, and the connection's base URL")
            case status if status in _BUSY or status >= 500:
                return Unreachable(f"{text}; the service has no time, try again later")
        return ConnectorError(f"{text}; check path and query of the node", permanent=True)

    def _silent(self, url: str, error: Exception) -> Unreachable:
        why = self._hidden(str(error)) or type(error).__name__
        return Unreachable(
            f"'{_shown(url)}' does not answer ({why}); check address, port, TLS and firewall"
        )

    def _hidden(self, text: str) -> str:
        secrets = (self._config.password, self._config.token)
        for secret in filter(None, (s.get_secret_value() for s in secrets)):
            text = text.replace(secret, "***")
        return text


def parse(answer: Answer, page: int) -> Any:
    """The JSON of an answer, with exact numbers. Raises ``ConnectorError`` naming the page."""
    try:
        return json.loads(answer.body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        beginning = " ".join(answer.body[:80].decode("utf-8", "replace").split())
        raise ConnectorError(
            f"page {page} of '{_shown(answer.url)}' is no JSON ({error}); it begins with "
            f"'{beginning}'; expected a JSON document; check path and headers",
            code="E_PAGE",
            permanent=True,
        ) from None


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _auth(config: HttpConfig) -> httpx.Auth | None:
    if config.auth == "basic":
        return httpx.BasicAuth(config.user, config.password.get_secret_value())
    token = config.token.get_secret_value()
    if config.auth == "bearer":
        return _Header("Authorization", f"Bearer {token}")
    if config.auth == "api_key" and config.api_key_in == "header":
        return _Header(config.api_key_name, token)
    return None


class _Header(httpx.Auth):
    def __init__(self, name: str, value: str) -> None:
        self._name = name
        self._value = value

    def auth_flow(self, request: httpx.Request) -> Any:
        request.headers[self._name] = self._value
        yield request


def _seconds(retry_after: str) -> float | None:
    """Seconds or a date, as RFC 9110 §10.2.3 has it; None where it says neither."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        when = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, when.timestamp() - time.time())


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


def _shown(url: str) -> str:
    """Without its query, which may hold a key."""
    return url.partition("?")[0]
