"""The Celery app: a wake-up channel. Losing a message loses nothing (outbox, sweeps)."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flowadmin.settings")

app = Celery("flowadmin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
