"""Whatever goes wrong becomes the failure of a node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import EngineError, StepFailed
from engine.stages.culprit import out_of_memory


def blame(step: str, error: EngineError) -> StepFailed:
    """``error`` as the failure of ``step``, unless it names a step already."""
    if isinstance(error, StepFailed):
        return error
    failure = StepFailed(step, error.message, code=error.code, permanent=error.permanent)
    failure.__cause__ = error
    return failure


@contextmanager
def blaming(step: str) -> Iterator[None]:
    """Whatever goes wrong inside is the failure of ``step``."""
    try:
        yield
    except StepFailed:
        raise
    except EngineError as error:
        raise blame(step, error) from error
    except Exception as error:
        if _is_want_of_memory(error):
            raise out_of_memory(step) from error
        message = f"the engine met what it does not know: {type(error).__name__}: {error}"
        raise StepFailed(step, message, code="E_ENGINE") from error


def _is_want_of_memory(error: Exception) -> bool:
    """Python has no word of its own for a thread whose stack cannot be had."""
    return isinstance(error, MemoryError) or str(error) == "can't start new thread"
