"""A database of documents, and plans that read and write it as connection ``shelf``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pipelines import plan
from pymongo.database import Database

from engine.connectors.mongodb import Mongodb
from engine.connectors.mongodb.config import MongodbConfig
from engine.interpreter import run
from engine.media.documents import DocumentExtraction
from engine.outcome import RunOutcome
from engine.plan import Input, Plan, PlanConnection, Step

Document = dict[str, Any]


@dataclass(frozen=True)
class Shelf:
    database: Database[Document]
    url: str

    @property
    def options(self) -> dict[str, Any]:
        return {"hosts": urlsplit(self.url).netloc, "database": self.database.name}

    @property
    def config(self) -> MongodbConfig:
        return MongodbConfig.model_validate(self.options)

    def put(self, collection: str, *documents: Document) -> None:
        self.database[collection].insert_many([dict(document) for document in documents])

    def all(self, collection: str, *sort: str) -> list[Document]:
        order = [(name, 1) for name in sort or ("_id",)]
        return list(self.database[collection].find(sort=order))

    def values(self, collection: str, *names: str) -> list[tuple[Any, ...]]:
        found = self.database[collection].find()
        return sorted(tuple(document.get(name) for name in names) for document in found)

    def plan(self, *steps: Step, **fields: Any) -> Plan:
        connection = PlanConnection(connector="mongodb", options=self.options)
        return plan(steps, {"shelf": connection}, **fields)

    def run(self, *steps: Step, run_id: str = "r") -> RunOutcome:
        return run(self.plan(*steps), run_id=run_id, secrets=lambda connection: {})

    def types(self, extraction: DocumentExtraction) -> dict[str, str]:
        return {c.name: c.type for c in Mongodb().describe(self.config, extraction)}


def values(columns: Sequence[tuple[str, str]], *rows: Sequence[Any]) -> Step:
    """A source of rows that are written in the node itself."""
    config = {
        "columns": [{"name": name, "type": type_} for name, type_ in columns],
        "rows": [list(row) for row in rows],
    }
    return Step(key="read", name="read", kind="inline_source", config=config)


def read(collection: str, **config: Any) -> Step:
    config = {"connection": "shelf", "collection": collection, **config}
    return Step(key="read", name="read", kind="mongodb_source", config=config)


def write(collection: str, mode: str = "append", reads: str = "read", **config: Any) -> Step:
    config = {"connection": "shelf", "collection": collection, "mode": mode, **config}
    edges = (Input(port="in", step=reads),)
    return Step(key="write", name="write", kind="mongodb_target", config=config, inputs=edges)
