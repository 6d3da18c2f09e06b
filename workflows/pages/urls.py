"""Addresses of fragments and pages outside the admin."""

from __future__ import annotations

from django.urls import include, path

from workflows.pages.connection_catalog import connection_columns, connection_tables
from workflows.pages.lineage import workflow_lineage
from workflows.pages.logs import log_download, log_find, log_index, log_lines
from workflows.pages.outdated import retention_outdated
from workflows.pages.overview import workflow_overview
from workflows.pages.polling import live_parts
from workflows.pages.pools import pool_runs
from workflows.pages.run_samples import run_sample
from workflows.pages.stacks import run_stack

workflows = [
    path("workflows/<uuid:workflow_id>/overview/", workflow_overview, name="workflow-overview"),
    path("connections/<int:connection_id>/tables/", connection_tables, name="connection-tables"),
    path("connections/<int:connection_id>/columns/", connection_columns, name="connection-columns"),
    path("workflows/<uuid:workflow_id>/lineage/", workflow_lineage, name="workflow-lineage"),
    path("pools/<int:pool_id>/runs/", pool_runs, name="pool-runs"),
    path("retention/outdated/", retention_outdated, name="retention-outdated"),
    path("live/", live_parts, name="live-parts"),
    path("runs/<uuid:run_id>/nodes/<str:node_key>/sample/", run_sample, name="run-sample"),
    path("runs/<uuid:run_id>/stack/", run_stack, name="run-stack"),
    *[
        path(f"{owner}/log/{name}/", view, name=f"{prefix}-log-{name}")
        for owner, prefix in (
            ("runs/<uuid:run_id>", "run"),
            ("workflows/<uuid:workflow_id>", "workflow"),
        )
        for name, view in (
            ("index", log_index),
            ("lines", log_lines),
            ("find", log_find),
            ("download", log_download),
        )
    ],
]

urlpatterns = [path("", include((workflows, "workflows")))]
