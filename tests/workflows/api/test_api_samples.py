from __future__ import annotations

from typing import Any

import pytest
from factories import NodeRunFactory, RunFactory

from engine.samples.sample import Sample
from engine.schema import Column
from workers.prefect.memory import InMemoryGateway
from workflows.models import Role, Run, Workflow

SAMPLE = Sample((Column("id", "BIGINT"),), (("1",), (None,)), is_complete=False)


@pytest.fixture
def run(registered: Workflow, prefect: InMemoryGateway) -> Run:
    made = RunFactory(workflow=registered)
    prefect.send_sample(made.pk, "keep/0", SAMPLE.as_json())
    return made


def test_a_viewer_reads_the_sample_of_a_node(run: Run, make_client: Any) -> None:
    viewer = make_client(Role.VIEWER, run.workflow.team)
    answer = viewer.get(f"runs/{run.pk}/nodes/keep/0/sample")
    assert answer.json() == SAMPLE.as_json()


def test_a_node_without_a_sample_answers_404(run: Run, make_client: Any) -> None:
    viewer = make_client(Role.VIEWER, run.workflow.team)
    assert viewer.get(f"runs/{run.pk}/nodes/read/sample").status_code == 404


def test_a_reused_node_shows_the_sample_of_the_run_that_made_its_rows(
    run: Run, make_client: Any
) -> None:
    again = RunFactory(workflow=run.workflow, parent=run)
    NodeRunFactory(run=again, node_key="keep/0", state_name="Reused")
    viewer = make_client(Role.VIEWER, run.workflow.team)
    answer = viewer.get(f"runs/{again.pk}/nodes/keep/0/sample")
    assert answer.json() == SAMPLE.as_json()


def test_another_team_does_not_see_it(run: Run, stranger: Any) -> None:
    assert stranger.get(f"runs/{run.pk}/nodes/keep/0/sample").status_code == 404
