"""The Celery app: a wake-up channel. Losing a message loses nothing (outbox, sweeps)."""

from __future__ import annotations

import os

from celery import Celery
from celery.schedules import crontab

from flowadmin.beat import offer_threaded_beat
from flowadmin.following import offer_following

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flowadmin.settings")

app = Celery("flowadmin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
offer_threaded_beat(app)
offer_following(app)

#: Schedules of workflows are Prefect's alone. A message that is late is of no use any more.
app.conf.beat_schedule = {
    task: {"task": f"workflows.tasks.{task}", "schedule": every, "options": {"expires": expires}}
    for task, every, expires in (
        ("sweep", 10, 10),
        ("sample_pools", 30, 30),
        ("crash_silent_runs", 30, 30),
        ("move_late_runs", 30, 30),
        ("watch_alerts", 30, 30),
        ("prune", crontab(minute="41"), 1800),
        ("reconcile", crontab(minute="17"), 1800),
    )
}
