from __future__ import annotations

from datetime import timedelta
from io import StringIO
from random import Random

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from factories import RunFactory, WorkflowFactory

from workflows.models import Run, RunState, Team
from workflows.services.retaining.crowded import old_runs_by_team
from workflows.services.retaining.outdated import outdated, prefect_tables
from workflows.services.retaining.policies import in_force, old_runs

pytestmark = pytest.mark.django_db

STATES = [RunState.COMPLETED, RunState.FAILED, RunState.FAILED, RunState.CANCELLED]


@pytest.fixture
def four_runs(run, workflow, policy):
    """Of which three are old."""
    for days in (1, 100, 101, 102):
        run(workflow, days)


@pytest.fixture
def histories(workflow, policy):
    """Of forty workflows, each of them different."""
    policy.runs_kept = 3
    policy.save()
    random, now = Random(7), timezone.now()
    for each in WorkflowFactory.create_batch(40, team=workflow.team):
        ages = sorted(random.uniform(0, 30) for _ in range(random.randint(0, 9)))
        for age in ages:
            at = now - timedelta(days=age)
            state = random.choice(STATES)
            RunFactory(workflow=each, state=state, created_at=at, ended_at=at)


def test_a_dry_run_says_what_would_go_and_removes_nothing(run, workflow, policy):
    run(workflow, 1)
    old = run(workflow, 100)
    said = StringIO()
    call_command("prune", "--dry-run", stdout=said)
    assert said.getvalue().startswith("Shop: 1 runs, about")
    assert Run.objects.filter(pk=old).exists()


def test_as_many_runs_are_told_as_go(histories, workflow):
    now = timezone.now()
    [of_nobody, sharing] = in_force(Team.objects.all())
    workflows = list(workflow.team.workflows.values_list("pk", flat=True))
    going = old_runs(workflows, sharing.policy, now).count()
    assert going > 20
    assert old_runs_by_team(sharing, now) == {workflow.team_id: going}
    assert old_runs_by_team(of_nobody, now) == {}


@pytest.mark.parametrize("is_counted", [True, False])
def test_the_size_is_the_rows_share_of_their_tables(four_runs, is_counted):
    with connection.cursor() as cursor:
        if is_counted:
            cursor.execute("ANALYZE workflows_run")
        cursor.execute("SELECT pg_total_relation_size('workflows_run')")
        (of_runs,) = cursor.fetchone()
    [here, _] = outdated()
    assert (here.what, here.count) == ("runs", 3)
    assert 0.75 * of_runs < here.size_bytes < 10_000_000


def test_of_prefects_tables_the_share_is_told_too(four_runs, make_database, settings):
    settings.FLOWADMIN_PREFECT_DATABASE_URL = make_database()
    with psycopg.connect(settings.FLOWADMIN_PREFECT_DATABASE_URL) as database:
        database.execute("CREATE TABLE flow_run AS SELECT generate_series(1, 6) AS id")
        database.execute("CREATE TABLE log AS SELECT repeat('x', 100) FROM generate_series(1, 999)")
        size = "pg_total_relation_size('flow_run') + pg_total_relation_size('log')"
        (whole,) = database.execute(f"SELECT {size}").fetchone()
    [_, there] = outdated()
    assert (there.what, there.count, there.size_bytes) == ("runs in Prefect", 3, whole // 2)


@pytest.mark.parametrize("url", ["", "postgresql://nobody@127.0.0.1:1/prefect"])
def test_a_size_that_nobody_can_tell_is_not_known(four_runs, settings, url, prefect):
    settings.FLOWADMIN_PREFECT_DATABASE_URL = url
    [_, there] = outdated()
    assert there.space == "not known: Prefect's database is not reachable"
    prefect.flow_runs = dict.fromkeys(range(5))
    assert prefect_tables().endswith("it keeps 5 runs, 0 task runs")


def test_prefect_may_be_away_while_it_is_told_what_would_go(four_runs, prefect):
    prefect.go_down()
    assert len(outdated()) == 2
    assert "Prefect does not answer" in prefect_tables()
