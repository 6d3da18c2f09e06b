"""Sends the samples of a run to Prefect, as artifacts of its flow run.

An artifact has samples of one or more nodes as ``{node key: sample}``; of a node that is in
several, the latest counts. They are sent from a thread of their own: a run never waits for
them but at its end, and a server that does not take them is no failure of the run.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from engine.policy import sample_rows
from engine.samples.sample import ARTIFACT_TYPE, Sample
from engine.samples.sampling import Samples

#: Of one artifact, roughly.
_MAX_BYTES = 128 * 1024
#: How long a run that has ended waits for those that are on their way.
_LEAVING_SECONDS = 3.0

logger = logging.getLogger("flowadmin.samples")


class SampleSender:
    """A context manager around the run; nothing is sent where Prefect's address is not known."""

    def __init__(self, flow_run_id: str) -> None:
        self._flow_run_id = flow_run_id
        self._url = os.environ.get("PREFECT_API_URL", "").rstrip("/")
        self._waiting: queue.SimpleQueue[Mapping[str, Sample] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send_all, name="samples", daemon=True)

    def wanted(self) -> Samples | None:
        """What the run is to tell; None where samples are turned off."""
        rows = sample_rows()
        return Samples(rows, self._waiting.put) if rows and self._url else None

    def __enter__(self) -> SampleSender:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._waiting.put(None)
        self._thread.join(_LEAVING_SECONDS)

    def _send_all(self) -> None:
        client: httpx.Client | None = None
        while (samples := self._waiting.get()) is not None:
            client = client or _client(self._url)
            for data in _parcels(samples):
                self._send(client, data)
        if client:
            client.close()

    def _send(self, client: httpx.Client, data: Mapping[str, Any]) -> None:
        body = {"type": ARTIFACT_TYPE, "flow_run_id": self._flow_run_id, "data": data}
        try:
            client.post("/artifacts/", json=body).raise_for_status()
        except httpx.HTTPError as error:
            logger.debug("samples were not sent: %s", error)


def _parcels(samples: Mapping[str, Sample]) -> Iterator[dict[str, Any]]:
    """The samples as JSON, in parts that a server takes easily."""
    parcel: dict[str, Any] = {}
    size = 0
    for key, sample in samples.items():
        body = sample.as_json()
        length = len(json.dumps(body))
        if parcel and size + length > _MAX_BYTES:
            yield parcel
            parcel, size = {}, 0
        parcel[key] = body
        size += length
    if parcel:
        yield parcel


def _client(url: str) -> httpx.Client:
    user, _, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
    return httpx.Client(
        base_url=url,
        auth=httpx.BasicAuth(user, password) if user else None,
        timeout=httpx.Timeout(5, connect=2),
        # Without TLS there is nothing to verify, and the certificates take 50 ms to load.
        verify=url.startswith("https"),
        trust_env=False,
    )
