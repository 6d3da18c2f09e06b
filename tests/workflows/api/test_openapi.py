from __future__ import annotations

import difflib
from pathlib import Path

from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

SNAPSHOT = Path(__file__).parents[3] / "docs" / "openapi.yaml"


def test_the_schema_is_valid_and_complete():
    GENERATOR_STATS.reset()
    schema = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(schema)
    assert not GENERATOR_STATS


def test_the_committed_schema_is_the_one_the_code_makes():
    """After a wanted change: ``manage.py spectacular --file docs/openapi.yaml``."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    made = OpenApiYamlRenderer().render(schema, renderer_context={}).decode()
    committed = SNAPSHOT.read_text()
    diff = difflib.unified_diff(
        committed.splitlines(), made.splitlines(), "docs/openapi.yaml", "code", lineterm="", n=2
    )
    assert made == committed, "\n".join(diff)


def test_every_operation_may_answer_with_a_problem():
    schema = SchemaGenerator().get_schema(request=None, public=True)
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert {"400", "401", "403", "503"} <= set(operation["responses"]), (method, path)
