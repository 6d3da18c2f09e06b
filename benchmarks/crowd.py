"""An installation that many teams have used for a month: workflows, runs, logs, samples of pools.

The rows are made inside the database, and stay there for the next measurement.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from benchmarks.bulk import bare
from workflows.models import Membership, Role, Run, Team

TEAMS = 20
RUNS_PER_WORKFLOW = 10
LINES_OF_A_LOG = 100_000
_DAYS = 30
#: Rows are as old as they are told to be when they are made: later they are too old.
_FRESH_SECONDS = 4 * 3600
_TABLES = (
    "workflows_workflow",
    "workflows_workflowversion",
    "workflows_node",
    "workflows_dependency",
    "workflows_schedule",
    "workflows_registration",
    "workers_poolassignment",
    "workflows_run",
    "workflows_noderun",
    "workflows_logline",
)

_DEFINITION = """
{"name": "Crowd", "description": "", "parameters": {}, "tags": [], "schedules": [],
 "nodes": [
   {"key": "orders", "name": "Orders", "kind": "database_source",
    "config": {"connection": "shop", "table": "orders"}},
   {"key": "paid", "name": "Paid", "kind": "filter", "config": {"condition": "amount > 5"}},
   {"key": "mart", "name": "Mart", "kind": "database_target",
    "config": {"connection": "mart", "table": "orders", "mode": "append"}}],
 "dependencies": [
   {"source": "orders", "source_port": "out", "target": "paid", "target_port": "in"},
   {"source": "paid", "source_port": "out", "target": "mart", "target_port": "in"}]}
"""

_WORKFLOWS = """
INSERT INTO workflows_workflow (
    id, team_id, name, slug, description, is_enabled, is_paused, needs_high_memory, parameters,
    tags, legacy, overlap, created_at, updated_at)
SELECT gen_random_uuid(), (%(teams)s::int[])[1 + n %% %(team_count)s],
       'Workflow ' || n || ' ' || (ARRAY['orders', 'customers', 'stock', 'prices'])[1 + n %% 4],
       'workflow-' || n, '', true, n %% 97 = 0, false, '{}', '[]', '{}', 'queue',
       now() - interval '90 days', now() - n * interval '40 seconds'
FROM generate_series(1, %(workflows)s) n
"""

#: Role → in how many teams.
_MEMBERS: Mapping[str, tuple[Role, int]] = {"editor": (Role.EDITOR, 1), "viewer": (Role.VIEWER, 15)}

#: One statement per table; each finds what it belongs to by itself.
_PARTS = (
    """
INSERT INTO workflows_workflowversion (
    workflow_id, number, definition, layout, fingerprint, message, created_at)
SELECT id, 1, %(definition)s::jsonb, '{}', repeat('0', 64), '', created_at FROM workflows_workflow
""",
    """
INSERT INTO workflows_node (
    workflow_id, key, name, kind, config, position, x, y, retries, retry_delay_seconds,
    checkpoint)
SELECT w.id, node->>'key', node->>'name', node->>'kind', node->'config', place, 0, 0, 0, 10,
       false
FROM workflows_workflow w,
     jsonb_array_elements(%(definition)s::jsonb->'nodes') WITH ORDINALITY AS nodes(node, place)
""",
    """
INSERT INTO workflows_dependency (workflow_id, source_id, source_port, target_id, target_port)
SELECT a.workflow_id, a.id, 'out', b.id, 'in'
FROM workflows_node a JOIN workflows_node b USING (workflow_id) WHERE b.position = a.position + 1
""",
    """
INSERT INTO workflows_schedule (workflow_id, slug, cron, timezone, is_active)
SELECT id, 'nightly', (number %% 60) || ' ' || (number / 60 %% 24) || ' * * *', 'UTC', true
FROM (SELECT id, row_number() OVER () AS number FROM workflows_workflow) w WHERE number %% 5 = 0
""",
    """
INSERT INTO workflows_registration (
    workflow_id, state, reason, issues, schemas, fingerprint, requirements, twins,
    deployment_name, pool, version_id, attempts, registered_at, updated_at)
SELECT v.workflow_id, CASE WHEN v.id %% 500 = 0 THEN 'failed' ELSE 'registered' END, '', '[]', '{}',
       '', '{}', '{}', '', (ARRAY(SELECT name FROM workers_pool ORDER BY rank))[1 + v.id %% 3],
       v.id, 0, now(), now()
FROM workflows_workflowversion v
""",
    """
INSERT INTO workers_poolassignment (workflow_id, pool_id, reason, receipt, assigned_at)
SELECT r.workflow_id, p.id, 'rule', '{}', now()
FROM workflows_registration r JOIN workers_pool p ON p.name = r.pool
""",
    """
INSERT INTO workflows_run (
    id, workflow_id, version_id, name, pool, trigger, parameters, receipt, state, state_name,
    restart, message, error_code, state_at, expected_at, created_at, started_at, ended_at)
SELECT gen_random_uuid(), workflow_id, version_id, 'run-' || chance, pool, 'schedule', '{}', '{}',
       (CASE WHEN chance %% 25 = 0 THEN 'FAILED' WHEN chance %% 101 = 0 THEN 'CRASHED'
             ELSE 'COMPLETED' END), '',
       '{}', '', CASE WHEN chance %% 25 = 0 THEN 'E_UNREACHABLE' ELSE '' END, at, at, at, at,
       at + chance %% 300 * interval '1 second'
FROM (SELECT workflow_id, version_id, pool, (random() * 1e6)::int AS chance,
             now() - random() * %(days)s * interval '1 day' AS at
      FROM workflows_registration, generate_series(1, %(runs_per_workflow)s)) runs
ORDER BY at
""",
    """
UPDATE workflows_run SET state = 'SCHEDULED', started_at = NULL, ended_at = NULL
WHERE id IN (SELECT id FROM workflows_run ORDER BY created_at DESC LIMIT 200)
""",
    """
UPDATE workflows_run SET state = 'RUNNING', started_at = created_at
WHERE id IN (SELECT id FROM workflows_run ORDER BY created_at DESC LIMIT 8)
""",
    """
INSERT INTO workflows_noderun (
    run_id, node_key, node_name, kind, position, state, state_name, state_at, message, error_code,
    started_at, ended_at, attempt, rows_in, rows_out, seconds, warnings, columns)
SELECT r.id, n.key, n.name, n.kind, n.position, r.state, '', r.state_at, '', '',
       r.started_at, r.ended_at, 1, 1000, 900, 1.5, '[]', '{}'
FROM workflows_run r JOIN workflows_node n USING (workflow_id)
WHERE r.created_at > now() - interval '1 day' AND r.started_at IS NOT NULL
""",
    """
INSERT INTO workflows_runlog (run_id, lines, heard_until, is_complete, is_truncated)
SELECT id, %(lines)s, now(), true, false FROM (
    SELECT r.id FROM workflows_run r JOIN workflows_workflow w ON w.id = r.workflow_id
    WHERE r.state = 'COMPLETED' AND w.team_id = (%(teams)s::int[])[1]
    ORDER BY r.created_at DESC LIMIT 1) latest
""",
    """
INSERT INTO workflows_logline (run_id, at, level, node_key, text, source_id, part)
SELECT run_id, now() - (%(lines)s - n) * interval '1 ms', 20 + 10 * (n %% 100 = 0)::int, 'paid',
       'read ' || n || ' rows of orders, ' || md5(n::text), gen_random_uuid(), 0
FROM workflows_runlog, generate_series(1, %(lines)s) n
""",
    """
INSERT INTO workers_poolsample (pool_id, taken_at, active, queued, workers_online)
SELECT p.id, at, floor(random() * (p.concurrency_limit + 1)), floor(random() * 4), 1
FROM workers_pool p, generate_series(now() - interval '7 days', now(), interval '30 seconds') at
""",
    """
INSERT INTO workers_workerseen (pool_id, name, is_online, last_heartbeat_at)
SELECT id, 'worker of ' || name, true, now() FROM workers_pool
""",
)


def crowd(size: float) -> Mapping[str, User]:
    """Role → user, in a database with ``size`` of 100,000 workflows and ten times as many runs.

    What an earlier measurement made is taken again if it was made in the same way.
    """
    wanted = _fingerprint(size)
    made, _, at = _note().partition(" ")
    if made != wanted or time.time() - float(at) > _FRESH_SECONDS:
        with transaction.atomic():
            _make(size)
            _execute(f"COMMENT ON SCHEMA public IS '{wanted} {time.time()}'")
        _execute("VACUUM ANALYZE")
    return {name: User.objects.get(username=f"crowd-{name}") for name in ("superuser", *_MEMBERS)}


def run_with_log() -> Run:
    """The run that every user of the crowd sees, and whose log is long."""
    return Run.objects.get(log__lines=LINES_OF_A_LOG)


def _fingerprint(size: float) -> str:
    """Of all that decides how the rows look."""
    migrations = sorted(MigrationRecorder(connection).applied_migrations())
    said = f"{size} {migrations} {Path(__file__).read_text()}"
    return hashlib.sha256(said.encode()).hexdigest()


def _note() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description('public'::regnamespace, 'pg_namespace')")
        (note,) = cursor.fetchone()
    return note or ""


def _make(size: float) -> None:
    _execute("TRUNCATE auth_user, workflows_team, workers_poolsample, workers_workerseen CASCADE")
    teams = [Team.objects.create(name=f"Team {n}", slug=f"team-{n}") for n in range(1, TEAMS + 1)]
    values: dict[str, Any] = {
        "teams": [team.pk for team in teams],
        "team_count": TEAMS,
        "workflows": max(TEAMS, round(100_000 * size)),
        "runs_per_workflow": RUNS_PER_WORKFLOW,
        "days": _DAYS,
        "definition": _DEFINITION,
        "lines": LINES_OF_A_LOG,
    }
    with bare(_TABLES):
        for statement in ("SELECT setseed(0.5)", _WORKFLOWS, *_PARTS):
            _execute(statement, values)
    _make_users(teams)


def _make_users(teams: list[Team]) -> None:
    User.objects.create(username="crowd-superuser", is_staff=True, is_superuser=True)
    for name, (role, number) in _MEMBERS.items():
        user = User.objects.create(username=f"crowd-{name}", is_staff=True)
        for team in teams[:number]:
            Membership.objects.create(user=user, team=team, role=role)


def _execute(statement: str, values: Mapping[str, Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
