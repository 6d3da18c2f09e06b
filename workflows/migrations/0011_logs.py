"""Logs of runs, copied from Prefect to be searched."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('workflows', '0010_alerts'),
    ]

    operations = [
        migrations.CreateModel(
            name='RunLog',
            fields=[
                ('run', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='log', serialize=False, to='workflows.run')),
                ('lines', models.PositiveIntegerField(default=0)),
                ('heard_until', models.DateTimeField(help_text='When the newest line was written.', null=True)),
                ('is_complete', models.BooleanField(default=False)),
                ('is_truncated', models.BooleanField(default=False, help_text='The rest stays in Prefect.')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('is_complete', False)), fields=['run'], name='run_log_open')],
            },
        ),
        migrations.CreateModel(
            name='LogLine',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('level', models.PositiveSmallIntegerField(help_text="As in Python's logging.")),
                ('node_key', models.CharField(blank=True, max_length=100)),
                ('task_run_id', models.UUIDField(null=True)),
                ('text', models.TextField()),
                ('source_id', models.UUIDField(help_text="Prefect's id of the message.")),
                ('part', models.PositiveSmallIntegerField(default=0)),
                ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='log_lines', to='workflows.run')),
            ],
            options={
                'indexes': [models.Index(fields=['run', 'id'], name='log_line_run')],
                'constraints': [models.UniqueConstraint(fields=('source_id', 'part'), name='log_line_once')],
            },
        ),
    ]
