from __future__ import annotations

from pathlib import Path

from engine.expression import FUNCTIONS, SCALAR_TYPES

PAGE = Path(__file__).parents[2] / "docs" / "expressions.md"


def test_every_function_is_documented_as_it_is() -> None:
    page = PAGE.read_text()
    for function in FUNCTIONS.values():
        assert f"| `{function.signature}` | {function.purpose} |" in page


def test_every_type_is_documented() -> None:
    page = PAGE.read_text().lower()
    assert all(f"`{name.lower()}" in page for name in SCALAR_TYPES)
