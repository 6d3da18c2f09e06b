"""Every address under ``/api/v1/``."""

from __future__ import annotations

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView

from workflows.api import (
    alert_channels,
    alert_messages,
    alert_rules,
    audit,
    connections,
    docs,
    imports,
    kinds,
    lineage,
    pools,
    previews,
    running,
    runs,
    streams,
    teams,
    views,
    workflows,
)

app_name = "api"

_WORKFLOW = "workflows/<uuid:workflow_id>"
_RUN = f"{_WORKFLOW}/runs/<uuid:run_id>"
_POOL = "workers/pools/<slug:pool>"
_CONNECTION = "connections/<slug:slug>"
_TEAM = "teams/<slug:team>"
_RULE = "alerts/rules/<int:rule_id>"
_CHANNEL = "alerts/channels/<int:channel_id>"
_MESSAGE = "alerts/messages/<int:message_id>"

urlpatterns = [
    path("workflows/", workflows.Workflows.as_view(), name="workflows"),
    path("workflows/validate", workflows.Validate.as_view(), name="workflow-validate"),
    path("workflows/import", imports.Import.as_view(), name="workflow-import"),
    path("workflows/execute", running.Execute.as_view(), name="workflow-execute"),
    path(f"{_WORKFLOW}/", workflows.OneWorkflow.as_view(), name="workflow"),
    path(f"{_WORKFLOW}/status", running.Status.as_view(), name="workflow-status"),
    path(f"{_WORKFLOW}/pause", running.Pause.as_view(), name="workflow-pause"),
    path(f"{_WORKFLOW}/resume", running.Resume.as_view(), name="workflow-resume"),
    path(f"{_WORKFLOW}/register", running.Register.as_view(), name="workflow-register"),
    path(f"{_WORKFLOW}/deployment", running.Deployment.as_view(), name="workflow-deployment"),
    path(f"{_WORKFLOW}/check", workflows.Check.as_view(), name="workflow-check"),
    path(f"{_WORKFLOW}/lineage", lineage.LineageView.as_view(), name="workflow-lineage"),
    path(f"{_WORKFLOW}/preview", previews.WorkflowPreview.as_view(), name="workflow-preview"),
    path(f"{_WORKFLOW}/runs", runs.Runs.as_view(), name="workflow-runs"),
    path(f"{_RUN}/", runs.OneRun.as_view(), name="run"),
    path(f"{_RUN}/logs", runs.Logs.as_view(), name="run-logs"),
    path(f"{_RUN}/cancel", runs.Cancel.as_view(), name="run-cancel"),
    path("runs/<uuid:run_id>/stream", streams.RunStream.as_view(), name="run-stream"),
    path("runs/<uuid:run_id>/retry", runs.Retry.as_view(), name="run-retry"),
    path(
        "runs/<uuid:run_id>/nodes/<path:node_key>/sample",
        runs.NodeSample.as_view(),
        name="node-sample",
    ),
    path("workers/overview", pools.Overview.as_view(), name="workers-overview"),
    path("workers/execute", pools.PoolExecute.as_view(), name="workers-execute"),
    path("workers/distribution", pools.Distribution.as_view(), name="workers-distribution"),
    path("workers/pools", pools.Pools.as_view(), name="pools"),
    path(f"{_POOL}/status", pools.OnePool.as_view(), name="pool-status"),
    path(f"{_POOL}/pause", pools.PausePool.as_view(), name="pool-pause"),
    path(f"{_POOL}/resume", pools.ResumePool.as_view(), name="pool-resume"),
    path("connections/", connections.Connections.as_view(), name="connections"),
    path(f"{_CONNECTION}/", connections.OneConnection.as_view(), name="connection"),
    path(f"{_CONNECTION}/test", connections.TestConnection.as_view(), name="connection-test"),
    path(f"{_CONNECTION}/tables", connections.Tables.as_view(), name="connection-tables"),
    path(f"{_CONNECTION}/columns", connections.Columns.as_view(), name="connection-columns"),
    path("teams/", teams.Teams.as_view(), name="teams"),
    path(f"{_TEAM}/members", teams.Members.as_view(), name="members"),
    path(f"{_TEAM}/members/<str:username>", teams.OneMember.as_view(), name="member"),
    path(f"{_TEAM}/tokens", teams.Tokens.as_view(), name="tokens"),
    path(f"{_TEAM}/tokens/<slug:prefix>", teams.OneToken.as_view(), name="token"),
    path("preview", previews.DefinitionPreview.as_view(), name="preview"),
    path("previews/<uuid:preview_id>", previews.OnePreview.as_view(), name="one-preview"),
    path("alerts/rules/", alert_rules.Rules.as_view(), name="alert-rules"),
    path(f"{_RULE}/", alert_rules.OneRule.as_view(), name="alert-rule"),
    path("alerts/channels/", alert_channels.Channels.as_view(), name="alert-channels"),
    path(f"{_CHANNEL}/", alert_channels.OneChannel.as_view(), name="alert-channel"),
    path(f"{_CHANNEL}/test", alert_channels.TestChannel.as_view(), name="alert-channel-test"),
    path("alerts/messages/", alert_messages.Messages.as_view(), name="alert-messages"),
    path(f"{_MESSAGE}/send-again", alert_messages.SendAgain.as_view(), name="alert-message-again"),
    path("audit", audit.Audit.as_view(), name="audit"),
    path("kinds", kinds.Kinds.as_view(), name="kinds"),
    path("kinds/<slug:slug>/ports", kinds.KindPorts.as_view(), name="kind-ports"),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", docs.docs, name="docs"),
    # Last: whatever is no address of the API answers as the API does.
    re_path(r"^.*$", views.NoSuchAddress.as_view(), name="no-such-address"),
]
