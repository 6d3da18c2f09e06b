"""Finds the node in which a fused query failed."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence

import duckdb

from engine import malformed
from engine.errors import StepFailed
from engine.graph import upstream
from engine.plan import Step
from engine.stages.fusion import fuse

#: What a search may take, beyond which the last node is named.
MAX_SECONDS = 60.0
_FULL = "No space left on device"
#: How SQL of our own fails on purpose: a code, and what is wrong.
_OWN = re.compile(r"(E_[A-Z_]+): (.*)", re.DOTALL)


def find_culprit(
    error: duckdb.Error,
    session: duckdb.DuckDBPyConnection,
    steps: Sequence[Step],
    sql: Mapping[str, str],
    names: Mapping[str, str],
    sink: str,
) -> StepFailed:
    """The failure of the first of ``steps`` that fails the same way when run alone.

    Each is run together with what feeds it, and nothing is written: the sources are read
    once more per node, for at most a minute in all. When none fails, ``sink`` is to blame.
    """
    if _FULL in str(error):
        return failure_of(sink, error)
    timer = threading.Timer(MAX_SECONDS, session.interrupt)
    timer.start()
    try:
        for step in steps:
            found = _failure(session, fuse(upstream(steps, step.key), sql, names))
            if isinstance(found, duckdb.InterruptException):
                break
            if type(found) is type(error):
                return failure_of(step.key, found)
    finally:
        timer.cancel()
    return failure_of(sink, error)


def _failure(session: duckdb.DuckDBPyConnection, query: str) -> duckdb.Error | None:
    """What evaluating every value of ``query`` raises."""
    try:
        session.execute(f"SELECT bit_xor(hash(rows)) FROM ({query}) AS rows").fetchall()
    except duckdb.Error as error:
        return error
    return None


def failure_of(step: str, error: duckdb.Error) -> StepFailed:
    """The failure of ``step`` that an error of its query is."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return out_of_memory(step)
    if _FULL in str(error):
        return _full_disk(step, error)
    if own := _OWN.match(in_words(error)):
        return StepFailed(step, own[2], code=own[1], permanent=True)
    is_value = isinstance(error, duckdb.DataError)
    return StepFailed(
        step, in_words(error), code="E_VALUE" if is_value else "E_QUERY", permanent=is_value
    )


def _full_disk(step: str, error: duckdb.Error) -> StepFailed:
    """What was written goes away with the attempt, so that a later one may find room."""
    message = (
        f"there is no space left on a disk ({in_words(error)}); free some, write elsewhere, or let "
        "the run spill less: filter and select earlier, or choose a pool with more memory"
    )
    return StepFailed(step, message, code="E_DISK_FULL")


def out_of_memory(step: str) -> StepFailed:
    message = (
        "it needs more memory than the run may use; choose a pool with more, or filter and "
        "select earlier"
    )
    return StepFailed(step, message, code="E_MEMORY", permanent=True)


def in_words(error: duckdb.Error) -> str:
    """DuckDB's message without its class, its hints and its picture of the query."""
    if about_file := malformed.explain(str(error)):
        return about_file
    text = str(error).split("\n\nLINE ")[0].strip()
    head, separator, rest = text.partition(" Error: ")
    return " ".join((rest if separator and len(head) < 30 else text).split())
