"""How many runs each workflow has too many, from one index and without a look at each run.

Of a workflow go as many runs as are old, but no more than there are beyond the newest that stay,
and one fewer where its last good run would be among them. A run is beyond another in the order
they were made, and that is taken for the order they ended in: where runs of a workflow overtook
one another, the count may be off by those.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from workflows.services.retaining.policies import Sharing, before

_CROWDED = """
WITH counted AS (
    SELECT workflow_id,
        least(count(*) FILTER (WHERE ended_at < %(before)s), count(*) - %(kept)s) AS beyond,
        bool_or(state = 'COMPLETED')
            AND NOT bool_or(state = 'COMPLETED' AND ended_at >= %(before)s) AS last_good_is_old
    FROM workflows_run
    GROUP BY workflow_id
), crowded AS (
    SELECT team_id, workflow_id, beyond - CASE WHEN last_good_is_old AND NOT EXISTS (
            SELECT FROM (
                SELECT state FROM workflows_run AS run
                WHERE run.workflow_id = counted.workflow_id
                ORDER BY created_at DESC LIMIT %(kept)s
            ) AS newest WHERE state = 'COMPLETED'
        ) THEN 1 ELSE 0 END AS old_runs
    FROM counted JOIN workflows_workflow AS workflow ON workflow.id = workflow_id
    WHERE beyond > 0 AND team_id = ANY(%(teams)s)
)
"""


def old_runs_by_team(sharing: Sharing, now: datetime) -> dict[int, int]:
    """Team → number of runs that go; teams without any are left out."""
    found = _ask("SELECT team_id, sum(old_runs) FROM crowded GROUP BY 1", sharing, now)
    return {team: int(count) for team, count in found if count}


def crowded_workflows(sharing: Sharing, now: datetime) -> list[UUID]:
    """Those of which runs go."""
    return [
        row[0] for row in _ask("SELECT workflow_id FROM crowded WHERE old_runs > 0", sharing, now)
    ]


def _ask(question: str, sharing: Sharing, now: datetime) -> list[tuple[Any, ...]]:
    facts: dict[str, Any] = {
        "before": before(now, sharing.policy.run_days),
        "kept": sharing.policy.runs_kept,
        "teams": list(sharing.teams),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CROWDED + question, facts)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
