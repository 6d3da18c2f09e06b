"""A routing receipt as the pages show it: why this pool, and what the others would take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.pages.formats import NOTHING, count


@dataclass(frozen=True, slots=True)
class PoolLine:
    """A pool the router looked at: what it takes, and how busy it was."""

    name: str
    is_chosen: bool
    thresholds: str
    exceeded: str
    capacity: str


@dataclass(frozen=True, slots=True)
class ReceiptView:
    summary: str
    counterfactual: str
    pools: tuple[PoolLine, ...]


def receipt_view(receipt: Mapping[str, Any], chosen: str) -> ReceiptView | None:
    """``receipt`` as ``workers.routing.Route`` has it; None before there is one."""
    if not receipt:
        return None
    capacities = receipt.get("capacity", {})
    compared = receipt.get("rule", {}).get("compared", [])
    return ReceiptView(
        summary=receipt.get("summary", ""),
        counterfactual=receipt.get("counterfactual", ""),
        pools=tuple(
            PoolLine(
                name=pool["pool"],
                is_chosen=pool["pool"] == chosen,
                thresholds=", ".join(map(_threshold, pool["thresholds"])) or "takes the rest",
                exceeded="; ".join(pool["exceeded"]) or NOTHING,
                capacity=_capacity(capacities.get(pool["pool"], {})),
            )
            for pool in compared
        ),
    )


def _threshold(threshold: Mapping[str, Any]) -> str:
    """What the pool takes, and in brackets what the workflow has of it."""
    value, above = threshold["value"], threshold["above"]
    if isinstance(above, bool):
        return f"high memory asked for ({'yes' if value else 'no'})"
    what = threshold["what"].replace("_", " ")
    return f"more than {count(above)} {what} ({'unknown' if value is None else count(value)})"


def _capacity(capacity: Mapping[str, Any]) -> str:
    if not capacity.get("is_known"):
        return "unknown"
    if capacity["is_paused"]:
        return "paused"
    if not capacity["workers_online"]:
        return "no worker online"
    return f"{capacity['active']} of {capacity['limit']} slots taken"
