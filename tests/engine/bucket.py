"""A bucket on a real S3 server, and plans that read and write it as connection ``exchange``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import boto3
from pipelines import plan

from engine.connectors.remote_files import RemoteFiles
from engine.connectors.remote_files.config import RemoteFilesConfig
from engine.interpreter import run
from engine.outcome import RunOutcome
from engine.plan import Plan, PlanConnection, Step


@dataclass(frozen=True)
class Bucket:
    """Everything the connection may see is below ``shop/``."""

    name: str
    endpoint: str

    @property
    def options(self) -> dict[str, Any]:
        url = f"s3://{self.name}/shop"
        return {"url": url, "endpoint": self.endpoint, "access_key": "test", "secret_key": "test"}

    @property
    def config(self) -> RemoteFilesConfig:
        return RemoteFilesConfig.model_validate(self.options)

    @property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def put(self, key: str, content: str | bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def keys(self, prefix: str = "") -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return sorted(entry["Key"] for entry in found.get("Contents", []))

    def remove(self, prefix: str) -> None:
        for key in self.keys(prefix):
            self.client.delete_object(Bucket=self.name, Key=key)

    def shown(self) -> list[str]:
        """Keys that are not books."""
        return [key for key in self.keys() if "/.flowadmin/" not in key]

    def plan(self, *steps: Step) -> Plan:
        connection = PlanConnection(connector="remote_files", options=self.options)
        return plan(steps, {"exchange": connection})

    def run(self, *steps: Step, run_id: str = "r") -> RunOutcome:
        return run(self.plan(*steps), run_id=run_id, secrets=lambda connection: {})

    def tables(self) -> list[str]:
        return [str(table) for table in RemoteFiles().tables(self.config)]
