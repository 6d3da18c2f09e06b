"""``runs``: how the newest runs stand, for the lists that show some of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Set
from typing import Any

from django.db.models import QuerySet

from workflows import access
from workflows.models import Run
from workflows.pages.live.any_run import marked_by_any_run
from workflows.pages.run_rows import cells
from workflows.pages.waiting import waiting_of

#: As many as a page of the list has.
_SHOWN = 50
#: Why a run waits is not written in its row.
_REDRAWN_EVERY_SECONDS = 5


class RunsTopic:
    family = "runs"

    def visible(self, principal: Any, keys: Set[str]) -> Set[str]:
        return keys & {""} if principal.has_perm("workflows.view_run") else set()

    def marks(self, keys: Collection[str]) -> QuerySet[Any, Any]:
        return marked_by_any_run(self.family, _REDRAWN_EVERY_SECONDS)

    def parts(self, key: str, principal: Any) -> Mapping[str, str]:
        """Run → the cells that change, as JSON, the newest first."""
        runs = list(access.scope(principal, Run.objects.all())[:_SHOWN])
        reasons = waiting_of(runs)
        rows = [[str(run.pk), cells(run, reasons.get(run.pk))] for run in runs]
        return {"run-rows": json.dumps(rows)}


TOPIC = RunsTopic()
