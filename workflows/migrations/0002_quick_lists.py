"""Indexes of the lists, and of the search for a name."""

from __future__ import annotations

import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflows", "0001_initial")]

    operations = [
        TrigramExtension(),
        migrations.AddIndex(
            model_name="registration",
            index=models.Index(
                condition=models.Q(("state", "failed")),
                fields=["state"],
                name="registration_failed",
            ),
        ),
        migrations.AddIndex(
            model_name="workflow",
            index=models.Index(fields=["name", "-id"], name="workflow_name"),
        ),
        migrations.AddIndex(
            model_name="workflow",
            index=models.Index(fields=["team", "name", "-id"], name="workflow_team_name"),
        ),
        migrations.AddIndex(
            model_name="workflow",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper("name"), name="gin_trgm_ops"
                ),
                name="workflow_name_search",
            ),
        ),
    ]
