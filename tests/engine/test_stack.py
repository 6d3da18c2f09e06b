from __future__ import annotations

from engine.errors import StepFailed
from engine.stack import HEADING, stack_of


def read_the_table(password: str) -> None:
    raise ValueError(f"'{password}' is wrong")


def failed() -> StepFailed:
    try:
        try:
            read_the_table("hunter2")
        except ValueError as error:
            raise StepFailed("read", "it did not work", code="E_QUERY") from error
    except StepFailed as failure:
        return failure


def test_the_cause_stands_before_what_it_caused():
    heading, *lines = stack_of(failed()).splitlines()
    assert heading == HEADING
    assert lines.index("builtins.ValueError") < lines.index("engine.errors.StepFailed")


def test_a_frame_names_file_line_and_function():
    assert "tests/engine/test_stack.py:" in stack_of(failed())
    assert " in read_the_table: " in stack_of(failed())


def test_what_a_driver_says_is_left_out():
    assert "'hunter2' is wrong" not in stack_of(failed())
