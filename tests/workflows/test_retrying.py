from __future__ import annotations

import pytest
from factories import RunFactory

from workflows.models import NodeRun, Run, RunState
from workflows.services import observing, running
from workflows.services.running import NotRunnable, retry, run_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(registered, prefect) -> Run:
    """A run whose first node ended well and whose second failed."""
    run = run_now(workflow=registered, parameters={"limit": 9})
    prefect.advance(run.pk, "RUNNING")
    prefect.advance_node(run.pk, "read", "RUNNING")
    prefect.advance_node(run.pk, "read", "COMPLETED", '{"rows_in":null,"rows_out":5,"seconds":2}')
    prefect.advance_node(run.pk, "keep0", "FAILED", "E_VALUE: node 'keep0': no")
    prefect.advance_node(run.pk, "write", "CANCELLED", "", "Skipped")
    return end(prefect, run, "FAILED")


def end(prefect, run: Run, state: str) -> Run:
    prefect.advance(run.pk, state)
    observing.refresh([run.pk])
    run.refresh_from_db()
    return run


def sent(prefect, run: Run) -> dict:
    return prefect.flow_runs[run.pk].parameters.get("restart", {})


def refusal(run: Run, **how) -> str:
    with pytest.raises(NotRunnable) as caught:
        retry(run, **how)
    return caught.value.code


def test_a_retry_says_what_ended_well_and_whose_the_loads_are(failed, prefect):
    again = retry(failed)
    assert (again.parent, again.trigger, again.parameters) == (failed, "retry", {"limit": 9})
    assert sent(prefect, again) == {
        "root": str(failed.pk),
        "start": "failed",
        "done": ["read"],
        "anew": [],
        "loads": {"write": str(failed.pk)},
    }
    assert again.restart == sent(prefect, again)


def test_a_retry_of_a_retry_keeps_the_first_run_for_its_loads(failed, prefect):
    again = end(prefect, retry(failed), "FAILED")
    third = sent(prefect, retry(again))
    assert (third["root"], third["loads"]) == (str(failed.pk), {"write": str(failed.pk)})


def test_from_the_start_nothing_is_taken_over(failed, prefect):
    again = retry(failed, from_failed=False)
    assert (again.parent, again.restart) == (failed, {})
    assert sent(prefect, again) == {}


def test_a_node_is_run_anew_with_what_follows_and_loads_as_its_own(failed, prefect):
    again = retry(failed, node="read")
    restart = sent(prefect, again)
    assert restart["anew"] == ["keep0", "read", "write"]
    assert (restart["done"], restart["loads"]) == ([], {})
    next_one = sent(prefect, retry(end(prefect, again, "FAILED")))
    assert next_one["loads"] == {"write": str(again.pk)}


def test_asked_twice_it_is_one_run(failed):
    assert retry(failed) == retry(failed)
    assert failed.retries.count() == 1


def test_two_who_ask_at_once_get_one_run(failed, prefect, monkeypatch):
    first = retry(failed)
    monkeypatch.setattr(running, "_under_way", lambda *_: None)
    Run.objects.filter(pk=first.pk).delete()  # as long as it is not recorded
    assert retry(failed).pk == first.pk


def test_once_a_retry_has_ended_another_may_follow(failed, prefect):
    first = end(prefect, retry(failed), "FAILED")
    assert retry(failed) != first


def test_a_retry_that_is_under_way_otherwise_is_named(failed):
    retry(failed)
    assert refusal(failed, from_failed=False) == "retry_under_way"


@pytest.mark.parametrize(
    ("state", "how", "code"),
    [
        (RunState.RUNNING, {}, "not_ended"),
        (RunState.COMPLETED, {}, "nothing_failed"),
        (RunState.FAILED, {"node": "keep1"}, "unknown_node"),
    ],
)
def test_what_cannot_be_retried_is_refused(registered, state, how, code):
    run = RunFactory(workflow=registered, state=state)
    assert refusal(run, **how) == code


def test_a_reused_node_shows_the_rows_it_had(failed, prefect):
    again = retry(failed)
    prefect.advance(again.pk, "RUNNING")
    message = '{"rows_in":null,"rows_out":null,"seconds":0}'
    prefect.advance_node(again.pk, "read", "COMPLETED", message, "Reused")
    observing.refresh([again.pk])
    node = NodeRun.objects.get(run=again, node_key="read")
    assert node.is_reused
    assert (node.state, node.rows_out, node.seconds) == ("COMPLETED", 5, 2)


def test_a_retry_is_known_again_from_prefect_alone(failed, prefect):
    again = retry(failed)
    Run.objects.filter(pk=again.pk).delete()
    observing.refresh([again.pk])
    rebuilt = Run.objects.get(pk=again.pk)
    assert (rebuilt.parent_id, rebuilt.restart) == (failed.pk, again.restart)
