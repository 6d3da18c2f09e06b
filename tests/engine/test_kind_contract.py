"""What every kind owes its users, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.graph import parse_configs
from engine.kind import AnyKind
from engine.plan import Step
from engine.registry import kinds
from engine.trying import try_node

PAGES = Path(__file__).parents[2] / "docs" / "kinds"


@pytest.fixture(params=sorted(kinds()))
def kind(request: pytest.FixtureRequest) -> AnyKind:
    return kinds()[request.param]


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every setting of a JSON Schema, those of its parts included."""
    for part in (schema, *schema.get("$defs", {}).values()):
        yield from part.get("properties", {}).items()


def test_a_kind_is_filed_under_its_slug(kind: AnyKind) -> None:
    assert type(kind).__module__.rpartition(".")[2] == kind.slug


def test_a_kind_says_what_it_does(kind: AnyKind) -> None:
    assert kind.__doc__
    assert all((kind.label, kind.group, kind.icon, kind.inputs or kind.outputs))


def test_the_example_of_a_kind_validates(kind: AnyKind) -> None:
    step = Step(key="a", name="a", kind=kind.slug, config=kind.example)
    configs, issues = parse_configs([step], kinds())
    assert issues == []
    assert configs["a"]


def test_a_config_survives_being_written_and_read(kind: AnyKind) -> None:
    config = kind.Config.model_validate(kind.example)
    assert kind.Config.model_validate(config.model_dump(mode="json")) == config


def test_a_config_refuses_unknown_settings(kind: AnyKind) -> None:
    step = Step(key="a", name="a", kind=kind.slug, config=kind.example | {"colums": 1})
    _, (issue,) = parse_configs([step], kinds())
    assert (issue.code, issue.field) == ("setting_unknown", "colums")


def test_every_setting_has_a_title_and_a_description(kind: AnyKind) -> None:
    for name, field in fields(kind.Config.model_json_schema()):
        assert field.get("title") and field.get("description", "").endswith("."), name


def test_a_kind_has_a_page_that_names_every_setting(kind: AnyKind) -> None:
    page = (PAGES / f"{kind.slug}.md").read_text()
    assert page.startswith(f"# {kind.label}\n")
    for name, _ in fields(kind.Config.model_json_schema()):
        assert f"`{name}`" in page


def test_the_ports_of_a_kind_are_told_and_differ(kind: AnyKind) -> None:
    tried = try_node(kind, kind.example, {}, {})
    for ports in (tried.inputs, tried.outputs):
        assert ports is not None
        assert len(set(ports)) == len(ports)
    assert (tried.inputs, tried.outputs) != ((), ())


def test_the_form_of_a_kind_is_a_schema_that_its_example_meets(kind: AnyKind) -> None:
    schema = kind.Config.model_json_schema()
    assert set(schema.get("required", ())) <= set(kind.example) <= set(schema["properties"])
