"""Where in the code something failed, without the values that were at hand there."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

#: The line of a log before a stack.
HEADING = "stack, the cause first:"
_ROOTS = ("site-packages/", f"{Path(__file__).parents[1]}/")


def stack_of(error: BaseException) -> str:
    """Frames of the error and of its causes, under the names of their classes.

    Messages are left out: those of drivers may hold values and addresses.
    """
    parts = [
        "\n".join([_name(one), *frames])
        for one in reversed(list(_chain(error)))
        if (frames := list(_frames(one)))
    ]
    return "\n".join([HEADING, *parts])


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _frames(error: BaseException) -> Iterator[str]:
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {_short(frame.filename)}:{frame.lineno} in {frame.name}: {frame.line}"


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _short(path: str) -> str:
    return next((path.partition(root)[2] for root in _ROOTS if root in path), path)
