from __future__ import annotations

import pytest
from factories import RunFactory

from workflows.models import Role, Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(make_client, registered):
    return make_client(Role.OPERATOR, registered.team)


@pytest.fixture
def failed(registered):
    return RunFactory(workflow=registered, state="FAILED")


@pytest.mark.parametrize(
    ("body", "start"),
    [({}, "failed"), ({"from": "failed"}, "failed"), ({"from": "keep0"}, "keep0")],
)
def test_a_run_is_retried_from_where_one_says(operator, failed, body, start):
    answer = operator.post(f"runs/{failed.pk}/retry", body).json()
    again = Run.objects.get(pk=answer["flow_run_id"])
    assert (again.parent, again.restart["start"]) == (failed, start)


def test_from_the_start(operator, failed):
    answer = operator.post(f"runs/{failed.pk}/retry", {"from": "start"}).json()
    assert Run.objects.get(pk=answer["flow_run_id"]).restart == {}


def test_an_unknown_node_is_refused_with_a_suggestion(operator, failed):
    answer = operator.post(f"runs/{failed.pk}/retry", {"from": "keep"})
    assert answer.status_code == 400
    assert "did you mean 'keep0'?" in answer.json()["detail"]


def test_a_viewer_may_not_retry(make_client, failed):
    viewer = make_client(Role.VIEWER, failed.workflow.team)
    assert viewer.post(f"runs/{failed.pk}/retry").status_code == 403
    assert not failed.retries.exists()
