"""A real HTTP service that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pipelines import plan

from engine.connectors.http import Http
from engine.connectors.http.config import HttpConfig
from engine.interpreter import run
from engine.media.requests import RestExtraction
from engine.outcome import RunOutcome
from engine.plan import Input, PlanConnection, Step

Reply = tuple[int, Any, dict[str, str]]


class Service:
    """``answer`` gets path and query, and gives a body, or (status, body, headers)."""

    def __init__(self) -> None:
        self.answer: Callable[[str, dict[str, str]], Any] = lambda path, query: []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                service.asked.append((parts.path, query))
                service.headers.append(dict(self.headers))
                found = service.answer(parts.path, query)
                status, body, headers = found if isinstance(found, tuple) else (200, found, {})
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(raw)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Service:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def config(self, **settings: Any) -> HttpConfig:
        return HttpConfig.model_validate({"base_url": f"{self.url}/v1", **settings})

    def rows(self, extraction: RestExtraction, **settings: Any) -> list[tuple[Any, ...]]:
        connector, config = Http(), self.config(**settings)
        reading = connector.reading(config, extraction)
        stream = connector.stream(config, reading.extraction, reading.schema)
        return [tuple(row.values()) for batch in stream.batches for row in batch.to_pylist()]

    def run(self, *steps: Step, **fields: Any) -> RunOutcome:
        options = {"base_url": f"{self.url}/v1"}
        connections = {
            "service": PlanConnection(connector="http", options=options),
            "exchange": PlanConnection(connector="files", options=fields.pop("files", {})),
        }
        given = plan(steps, connections, **fields)
        return run(given, run_id="r", secrets=lambda connection: {})


def read(**config: Any) -> Step:
    config = {"connection": "service", "path": "orders", **config}
    return Step(key="read", name="read", kind="rest_source", config=config)


def write(path: str) -> Step:
    config = {"connection": "exchange", "path": path, "format": "csv"}
    edges = (Input(port="in", step="read"),)
    return Step(key="write", name="write", kind="file_target", config=config, inputs=edges)
