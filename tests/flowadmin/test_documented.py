"""What is written down keeps in step with what is there."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from flowadmin.environment import BASE_DIR, Environment
from flowadmin.supervisor.home import Home
from flowadmin.supervisor.stack import Stack

CONFIGURATION = (BASE_DIR / "docs/configuration.md").read_text()
OPERATIONS = (BASE_DIR / "docs/operations.md").read_text()


@pytest.fixture
def part_names(tmp_path: Path) -> set[str]:
    """Parts of a stack that brings everything along."""
    home = Home(tmp_path)
    home.make()
    stack = Stack(home, Environment.model_construct(), home.secrets())
    return {part.name for part in stack.parts()} | {"bootstrap"}


@pytest.mark.parametrize("name", Environment.model_fields)
def test_every_setting_is_documented_in_its_own_words(name: str) -> None:
    description = Environment.model_fields[name].description
    assert f"| `{name.upper()}` | {description} |" in CONFIGURATION


def test_no_setting_is_documented_that_is_gone() -> None:
    rows = [line.split("`")[1] for line in CONFIGURATION.splitlines() if line.startswith("| `")]
    known = {name.upper() for name in Environment.model_fields}
    assert set(rows) == known | {"FLOWADMIN_HOME", "FLOWADMIN_ENV_FILE"}


def test_every_part_is_described(part_names: set[str]) -> None:
    rows = {line.split("`")[1] for line in OPERATIONS.splitlines() if line.startswith("| `")}
    assert part_names <= rows


def test_containers_and_supervisor_have_the_same_parts(part_names: set[str]) -> None:
    services = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())["services"]
    # Static files are collected when the image is built.
    assert set(services) == part_names - {"assets"}


def test_a_service_needs_what_its_part_needs(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make()
    services = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())["services"]
    for part in Stack(home, Environment.model_construct(), home.secrets()).parts():
        if part.name != "assets":
            assert set(services[part.name].get("depends_on", ())) == set(part.after) - {"assets"}


def test_the_example_file_names_only_what_exists() -> None:
    lines = (BASE_DIR / ".env.example").read_text().splitlines()
    names = {
        line[2:].split("=")[0] for line in lines if line.startswith("# ") and "=" in line.split()[1]
    }
    compose = {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert names <= compose | {name.upper() for name in Environment.model_fields}
