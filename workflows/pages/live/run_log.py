"""``run-log:<id>``: tells the viewer that there are more lines; it fetches them itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from workflows.models import RunLog
from workflows.pages.live.keys import uuids
from workflows.pages.live.run import RunTopic
from workflows.streams.topic import marked


class RunLogTopic(RunTopic):
    family = "run-log"

    def marks(self, keys: Collection[str]) -> QuerySet[Any, Any]:
        rows = RunLog.objects.filter(pk__in=uuids(keys))
        return marked(rows, self.family, F("pk"), F("lines"), F("is_complete"))

    def parts(self, key: str, principal: Any) -> Mapping[str, str]:
        run_log = RunLog.objects.get(pk=UUID(key))
        return {"log": f"{run_log.lines} {'complete' if run_log.is_complete else 'open'}"}


TOPIC = RunLogTopic()
