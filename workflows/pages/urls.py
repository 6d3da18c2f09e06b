"""Addresses of fragments and pages outside the admin."""

from __future__ import annotations

from django.urls import include, path

from workflows.pages.pools import pool_runs
from workflows.pages.runs import run_log, run_status
from workflows.pages.workflows import registration_status

workflows = [
    path(
        "workflows/<uuid:workflow_id>/registration/",
        registration_status,
        name="registration-status",
    ),
    path("pools/<int:pool_id>/runs/", pool_runs, name="pool-runs"),
    path("runs/<uuid:run_id>/status/", run_status, name="run-status"),
    path("runs/<uuid:run_id>/log/", run_log, name="run-log"),
]

urlpatterns = [
    path("", include((workflows, "workflows"))),
    path("", include("workers.pages.urls")),
]
