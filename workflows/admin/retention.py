"""How long what happened is kept, and what would go now."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from workflows.admin.base import TeamScopedAdmin
from workflows.models import RetentionPolicy

_UNSAID = RetentionPolicy()


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(TeamScopedAdmin):
    empty_hint = (
        "A policy says how long a team's history is kept. Where there is none, runs stay "
        f"{_UNSAID.run_days} days and the newest {_UNSAID.runs_kept} of a workflow always, logs "
        f"{_UNSAID.log_days} days, alert messages {_UNSAID.message_days}, the audit log "
        f"{_UNSAID.audit_days}. Add one to keep them for longer or shorter."
    )
    list_display = ["whose", "run_days", "runs_kept", "log_days", "message_days", "audit_days"]
    list_select_related = ["team"]
    list_filter_submit = False
    list_before_template = "admin/workflows/retentionpolicy/outdated.html"
    fields = ["team", ("run_days", "runs_kept"), "log_days", "message_days", "audit_days"]

    @display(description="Team")
    def whose(self, policy: RetentionPolicy) -> str:
        return str(policy.team or "every other team")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["team"] if obj else []
