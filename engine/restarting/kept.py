"""Rows of a step that wait in the sandbox for the stages that read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.schema import Schema


@dataclass(frozen=True, slots=True)
class Kept:
    schema: Schema
    #: How many leave by which port.
    rows: Mapping[str, int]
    #: Whether the order in which they were kept means something.
    is_sorted: bool = False
    warnings: tuple[str, ...] = ()
