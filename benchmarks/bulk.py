"""Writing millions of rows: indexes and references are taken off and made anew afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection

_REFERENCES = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY(%s::regclass[])
"""
_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
FROM pg_index i WHERE indrelid = ANY(%s::regclass[])
AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""


@contextmanager
def bare(tables: Sequence[str]) -> Iterator[None]:
    """Within the block the tables have neither foreign keys nor indexes of their own.

    Primary keys and unique constraints stay. What is made anew is checked again.
    """
    references, indexes = _rows(_REFERENCES, tables), _rows(_INDEXES, tables)
    statements = [f'ALTER TABLE {table} DROP CONSTRAINT "{name}"' for table, name, _ in references]
    statements += [f"DROP INDEX {name}" for name, _ in indexes]
    _run(statements)
    yield
    _run(["SET maintenance_work_mem = '512MB'", *(definition for _, definition in indexes)])
    _run(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {rule}' for table, name, rule in references)


def _rows(query: str, tables: Sequence[str]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, [list(tables)])
        return cursor.fetchall()


def _run(statements: Any) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
