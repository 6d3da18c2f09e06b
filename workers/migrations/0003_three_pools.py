"""The three pools every installation starts with; theirs to change afterwards."""

from typing import Any

from django.db import migrations

POOLS = [
    {
        "name": "default-agent-pool",
        "description": "Takes what no other pool claims.",
        "rank": 10,
        "concurrency_limit": 5,
        "memory_limit_mb": 512,
    },
    {
        "name": "etl-pool",
        "description": "Moves between several databases, or transforms in many steps.",
        "rank": 20,
        "concurrency_limit": 3,
        "memory_limit_mb": 1024,
        "database_nodes_above": 2,
        "transforms_above": 3,
    },
    {
        "name": "high-memory-pool",
        "description": "Large graphs, large tables, analytics.",
        "rank": 30,
        "concurrency_limit": 2,
        "memory_limit_mb": 2048,
        "nodes_above": 10,
        "rows_above": 5_000_000,
        "takes_high_memory": True,
    },
]


def create_pools(apps: Any, schema_editor: Any) -> None:
    pool_model = apps.get_model("workers", "Pool")
    for pool in POOLS:
        pool_model.objects.get_or_create(name=pool["name"], defaults=pool)


class Migration(migrations.Migration):
    dependencies = [("workers", "0002_initial")]
    operations = [migrations.RunPython(create_pools, migrations.RunPython.noop)]
