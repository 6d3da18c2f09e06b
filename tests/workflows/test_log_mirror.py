from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from workflows.models import LogLine, Run, RunLog
from workflows.services import log_mirror, observing
from workflows.services.running import run_now

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def run(registered, prefect):
    """A run whose node ``read`` is at work."""
    run = run_now(workflow=registered)
    prefect.advance(run.pk, "RUNNING")
    prefect.advance_node(run.pk, "read", "RUNNING")
    observing.poll_active()
    return run


def lines(run: Run) -> list[str]:
    return list(LogLine.objects.filter(run=run).order_by("id").values_list("text", flat=True))


def end(run: Run) -> None:
    long_ago = timezone.now() - timedelta(minutes=1)
    Run.objects.filter(pk=run.pk).update(state="COMPLETED", ended_at=long_ago)


def test_lines_of_a_run_that_began_are_taken_over(run, prefect):
    prefect.write_log(run.pk, "begins", level=logging.WARNING)
    assert log_mirror.take_over_news() == 1
    [line] = LogLine.objects.all()
    assert (line.text, line.level, line.node_key) == ("begins", logging.WARNING, "")


def test_lines_name_their_node(run, prefect):
    task = prefect.advance_node(run.pk, "read", "RUNNING")
    prefect.write_log(run.pk, "reads", task_run_id=task.id)
    log_mirror.take_over_news()
    assert LogLine.objects.get().node_key == "read"


def test_a_line_is_there_once_however_often_it_is_read(run, prefect):
    prefect.write_log(run.pk, "begins")
    log_mirror.take_over_news()
    prefect.write_log(run.pk, "ends")
    assert log_mirror.take_over_news() == 1
    assert lines(run) == ["begins", "ends"]


def test_a_line_that_comes_late_is_not_missed(run, prefect):
    prefect.write_log(run.pk, "second", at=START)
    log_mirror.take_over_news()
    prefect.write_log(run.pk, "first", at=START - timedelta(seconds=1))
    log_mirror.take_over_news()
    assert lines(run) == ["second", "first"]


def test_a_long_log_comes_page_by_page(run, prefect):
    for number in range(450):
        prefect.write_log(run.pk, str(number), at=START + timedelta(milliseconds=number))
    assert log_mirror.take_over_news() == 450
    assert lines(run) == [str(number) for number in range(450)]


def test_pages_of_one_moment_come_too(run, prefect):
    for number in range(450):
        prefect.write_log(run.pk, str(number), at=START)
    assert log_mirror.take_over_news() == 450


def test_a_log_that_is_written_faster_than_it_is_taken_over_comes_whole(run, prefect, monkeypatch):
    monkeypatch.setattr(log_mirror, "_PAGE", 10)
    monkeypatch.setattr(log_mirror, "_LINES_AT_ONCE", 20)
    for number in range(205):
        prefect.write_log(run.pk, str(number), at=START + timedelta(milliseconds=number))
    end(run)
    turns = 0
    while not RunLog.objects.filter(is_complete=True):
        log_mirror.take_over_news()
        turns += 1
    assert lines(run) == [str(number) for number in range(205)]
    assert turns > 5


def test_a_message_of_several_lines_is_several_rows(run, prefect):
    prefect.write_log(run.pk, "Traceback:\n  here\n")
    assert log_mirror.take_over_news() == 2
    assert lines(run) == ["Traceback:", "  here"]


def test_a_line_that_is_too_long_is_cut_and_says_so(run, prefect):
    prefect.write_log(run.pk, "x" * 5_000)
    log_mirror.take_over_news()
    assert lines(run)[0].endswith("x … (1,000 more characters were cut)")


@pytest.mark.parametrize("text", ["a\x00b", "half \ud800 of a pair"])
def test_what_cannot_be_stored_is_left_out(run, prefect, text):
    prefect.write_log(run.pk, text)
    assert log_mirror.take_over_news() == 1


def test_a_log_that_is_too_long_is_cut_and_says_so(run, prefect, settings):
    settings.FLOWADMIN_LOG_LINES_PER_RUN = 3
    for number in range(5):
        prefect.write_log(run.pk, str(number))
    log_mirror.take_over_news()
    run_log = RunLog.objects.get()
    assert (run_log.lines, run_log.is_truncated, run_log.is_complete) == (3, True, True)
    assert log_mirror.take_over_news() == 0


def test_the_log_is_complete_some_time_after_the_end_of_its_run(run, prefect):
    prefect.write_log(run.pk, "ends")
    log_mirror.take_over_news()
    assert not RunLog.objects.get().is_complete
    end(run)
    log_mirror.take_over_news()
    assert RunLog.objects.get().is_complete


def test_a_node_that_was_not_known_then_is_named_at_the_end(run, prefect):
    task_run_id = uuid.uuid4()
    prefect.write_log(run.pk, "reads", task_run_id=task_run_id)
    log_mirror.take_over_news()
    run.node_runs.filter(node_key="write").update(task_run_id=task_run_id)
    end(run)
    log_mirror.take_over_news()
    assert LogLine.objects.get().node_key == "write"


def test_runs_without_news_cost_one_question(run, prefect):
    prefect.write_log(run.pk, "begins")
    log_mirror.take_over_news()
    prefect.calls.clear()
    log_mirror.take_over_news(of_all=False)
    assert prefect.calls == ["logs"]


def test_news_are_found_by_that_question(run, prefect):
    prefect.write_log(run.pk, "begins")
    log_mirror.take_over_news()
    prefect.write_log(run.pk, "goes on")
    assert log_mirror.take_over_news(of_all=False) == 1


def test_an_old_run_is_taken_over_when_somebody_looks(run, prefect):
    Run.objects.update(created_at=START - timedelta(days=9))
    prefect.write_log(run.pk, "begins")
    assert log_mirror.take_over_news() == 0
    log_mirror.want(run)
    assert log_mirror.take_over_news() == 1
