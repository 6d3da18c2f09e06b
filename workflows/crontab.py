"""Housekeeping for hosts whose cron keeps the time: ``CRONJOBS = workflows.crontab.CRONJOBS``.

Needs ``django_crontab`` in INSTALLED_APPS and ``manage.py crontab add``; stop Celery's beat
then, or both keep the time. Cron knows minutes: saves still wake Celery at once.
"""

from __future__ import annotations

CRONJOBS = [
    ("* * * * *", "workflows.tasks.sweep"),
    ("* * * * *", "workflows.tasks.sample_pools"),
    ("* * * * *", "workflows.tasks.crash_silent_runs"),
    ("* * * * *", "workflows.tasks.move_late_runs"),
    ("* * * * *", "workflows.tasks.watch_alerts"),
    ("41 * * * *", "workflows.tasks.prune"),
    ("17 * * * *", "workflows.tasks.reconcile"),
]
