from __future__ import annotations

from importlib import import_module

import pytest

from flowadmin.celery import app
from workflows import tasks
from workflows.crontab import CRONJOBS
from workflows.models import RegistrationOutbox


def test_every_task_of_the_beat_exists():
    app.loader.import_default_modules()
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)


@pytest.mark.parametrize("path", [path for _, path in CRONJOBS])
def test_every_job_for_cron_can_be_called(path):
    module, _, name = path.rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_cron_and_beat_do_the_same():
    beaten = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert beaten == {path for _, path in CRONJOBS}


@pytest.mark.django_db
def test_regular_work_waits_quietly_while_prefect_is_away(prefect, caplog):
    prefect.go_down()
    for task in (tasks.sample_pools, tasks.crash_silent_runs, tasks.reconcile):
        task()
    assert [r.getMessage()[:22] for r in caplog.records] == ["left for the next time"] * 3


@pytest.mark.django_db
def test_the_task_registers_a_workflow_by_its_id(save, prefect):
    workflow = save()
    assert tasks.register(str(workflow.pk)) == "registered"
    assert RegistrationOutbox.objects.get(pk=workflow.pk).done_generation == 1
