"""Pools and the workers seen in them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import display

from workers.models import Pool, WorkerSeen
from workers.pages.admin import ReadOnly, confirmed, go_back
from workers.pages.badges import OFFLINE, ONLINE, OPEN, PAUSED
from workers.pages.formats import moment
from workers.pages.history import pool_past
from workers.pages.pools import pool_loads
from workers.pages.visible import pools_seen_by
from workers.prefect.gateway import GatewayError
from workers.provisioning import ensure_pools


@admin.register(Pool)
class PoolAdmin(ModelAdmin):
    list_display = ["name", "state", "concurrency_limit", "rank", "rule", "memory"]
    list_before_template = "admin/workers/pool/load.html"
    change_form_template = "admin/workers/pool/change_form.html"
    empty_hint = "There are no pools yet. Add one, then start a worker for it."
    show_full_result_count = False
    warn_unsaved_form = True
    fieldsets = [
        (None, {"fields": [("name", "rank"), "description", "teams"]}),
        ("Capacity", {"fields": [("concurrency_limit", "memory_limit_mb"), "is_paused"]}),
        (
            "Takes a workflow that exceeds any of",
            {
                "fields": [
                    ("nodes_above", "database_nodes_above"),
                    ("transforms_above", "rows_above"),
                    "takes_high_memory",
                ]
            },
        ),
        ("Secrets", {"classes": ["collapse"], "fields": ["public_key"]}),
    ]
    actions_row = ["pause", "resume"]
    actions_detail = ["pause", "resume"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pool]:
        return super().get_queryset(request).filter(pk__in=pools_seen_by(request.user).values("pk"))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Pool | None:
        """What a page only reads is read once per request."""
        if request.method != "GET":
            return super().get_object(request, object_id, from_field)
        read: dict[str, Any] = request.__dict__.setdefault("flowadmin_pools", {})
        if object_id not in read:
            read[object_id] = super().get_object(request, object_id, from_field)
        pool: Pool | None = read[object_id]
        return pool

    def get_readonly_fields(self, request: HttpRequest, obj: Pool | None = None) -> list[str]:
        """Prefect knows a pool by its name: it stays."""
        return ["name"] if obj else []

    @display(description="State", ordering="is_paused")
    def state(self, pool: Pool) -> str:
        return str(PAUSED if pool.is_paused else OPEN)

    @display(description="Takes workflows with")
    def rule(self, pool: Pool) -> str:
        counted = [
            (pool.nodes_above, "nodes"),
            (pool.database_nodes_above, "database nodes"),
            (pool.transforms_above, "transforms"),
            (pool.rows_above, "rows"),
        ]
        parts = [f"more than {above:,} {what}" for above, what in counted if above is not None]
        parts += ["need of high memory"] if pool.takes_high_memory else []
        return " or ".join(parts) or "anything the others do not take"

    @display(description="Memory per run", ordering="memory_limit_mb")
    def memory(self, pool: Pool) -> str:
        return f"{pool.memory_limit_mb:,} MB"

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Of pause and resume, the one that changes something."""
        pool = self.get_object(request, object_id)
        useless = "pause" if pool and pool.is_paused else "resume"
        actions = super().get_actions_detail(request, object_id)
        return [action for action in actions if action.path != useless]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(
            request, {"pools": pool_loads(request.user), **(extra_context or {})}
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        pool = self.get_object(request, object_id)
        context = {"past": pool_past(pool), "pool_topic": f"pool:{pool.pk}"} if pool else {}
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    def save_model(self, request: HttpRequest, obj: Pool, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self._tell_prefect(request)

    def has_pause_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        pool = self.get_object(request, object_id) if object_id else None
        if object_id and pool is None:
            raise Http404(f"no pool '{object_id}'")
        return request.user.has_perm("workers.pause_pool", pool)

    @confirmed(
        "Pause",
        "The pool drains: runs that go on come to their end. New runs go to the next pool that "
        "takes their workflow, or wait here until this one is resumed.",
        icon="pause",
        needs="pause",
    )
    def pause(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._set_paused(request, object_id, is_paused=True)

    @confirmed(
        "Resume",
        "Its workers take runs from the queue again.",
        icon="resume",
        needs="pause",
    )
    def resume(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._set_paused(request, object_id, is_paused=False)

    def _set_paused(self, request: HttpRequest, object_id: str, *, is_paused: bool) -> HttpResponse:
        pool = self.get_object(request, object_id)
        if pool is None:
            raise Http404(f"no pool '{object_id}'")
        pool.is_paused = is_paused
        pool.save(update_fields=["is_paused"])
        self._tell_prefect(request)
        return go_back(request, pool, f"{pool} is {'paused' if is_paused else 'resumed'}")

    def _tell_prefect(self, request: HttpRequest) -> None:
        try:
            ensure_pools()
        except GatewayError as error:
            messages.warning(
                request, f"Prefect does not know yet ({error}); it is told again in the background"
            )


@admin.register(WorkerSeen)
class WorkerSeenAdmin(ReadOnly, ModelAdmin):
    empty_hint = "No worker was seen yet. Start one: python -m engine.worker --pool <pool>"
    list_display = ["name", "pool", "state", "heartbeat"]
    list_filter = ["is_online"]
    list_filter_submit = True
    list_select_related = ["pool"]
    search_fields = ["name"]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkerSeen]:
        pools = pools_seen_by(request.user).values("pk")
        return super().get_queryset(request).filter(pool__in=pools)

    @display(description="State", ordering="is_online")
    def state(self, worker: WorkerSeen) -> str:
        return str(ONLINE if worker.is_online else OFFLINE)

    @display(description="Last heartbeat", ordering="last_heartbeat_at")
    def heartbeat(self, worker: WorkerSeen) -> str:
        return moment(worker.last_heartbeat_at)
