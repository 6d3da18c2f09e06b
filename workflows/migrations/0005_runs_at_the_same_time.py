"""How often a workflow may run at the same time, and what becomes of more runs."""

from __future__ import annotations

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflows", "0004_runs_by_pool")]

    operations = [
        migrations.AddField(
            model_name="workflow",
            name="concurrency_limit",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Runs of this workflow at the same time; empty = as many as its "
                "pool takes.",
                null=True,
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
        migrations.AddField(
            model_name="workflow",
            name="overlap",
            field=models.CharField(
                choices=[("queue", "wait"), ("cancel", "be cancelled")],
                default="queue",
                help_text="What becomes of a run beyond that.",
                max_length=10,
            ),
        ),
    ]
