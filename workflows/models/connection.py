"""A stored address with its credentials."""

from __future__ import annotations

from typing import Any

from django.db import models

from workflows.fields import EncryptedJSONField
from workflows.models.team import Team


class Connection(models.Model):
    """Nodes name a connection by its slug, which therefore never changes.

    ``options`` and ``secrets`` together make the connector's Config; ``revision`` grows
    with every change, so that plans that carry the connection are registered again.
    """

    team = models.ForeignKey(Team, models.PROTECT, related_name="connections")
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=80)
    connector = models.CharField(max_length=40)
    options = models.JSONField(default=dict, blank=True)
    secrets = EncryptedJSONField(null=True, blank=True, editable=False)
    external_id = models.CharField(
        max_length=120,
        blank=True,
        help_text="Its connector_id in the system that workflows are imported from.",
    )
    revision = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["team", "slug"], name="connection_slug_in_team"),
            models.UniqueConstraint(
                fields=["team", "external_id"],
                condition=~models.Q(external_id=""),
                name="connection_external_id_in_team",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Never writes ``revision`` of an existing row: this copy of it may be old."""
        if not self._state.adding and kwargs.get("update_fields") is None:
            fields = (field.name for field in self._meta.concrete_fields)
            kwargs["update_fields"] = [name for name in fields if name not in ("id", "revision")]
        super().save(*args, **kwargs)
