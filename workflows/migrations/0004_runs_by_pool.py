"""Figures of a pool are of its runs of one day."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflows", "0003_retries_and_checkpoints")]

    operations = [
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["pool", "-created_at"], name="run_pool_created"),
        ),
    ]
