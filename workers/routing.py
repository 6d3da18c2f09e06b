"""Which pool a workflow belongs to, and the receipt that says why.

1. A pool somebody prefers wins, whatever its state.
2. Else pools are tried from the highest rank down, those reserved for the workflow's team
   before shared ones: the first pool one of whose thresholds the workflow exceeds takes it;
   the pool without thresholds takes the rest.
3. When that pool is paused, has no worker or is full, the next pool of higher rank that
   has room takes it; a lower one never does. Without one, it waits where the rule sent it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Reason = Literal["rule", "manual", "fallback"]


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a workflow asks of a pool. ``estimated_rows`` None = nobody said."""

    nodes: int
    database_nodes: int = 0
    transforms: int = 0
    estimated_rows: int | None = None
    needs_high_memory: bool = False
    preferred_pool: str = ""


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool's thresholds (None = no such threshold) and its load now (None = unknown)."""

    name: str
    rank: int
    nodes_above: int | None = None
    database_nodes_above: int | None = None
    transforms_above: int | None = None
    rows_above: int | None = None
    takes_high_memory: bool = False
    is_paused: bool | None = None
    workers_online: int | None = None
    active: int | None = None
    limit: int | None = None
    #: Name of the team whose workflow is routed, if the pool is kept for it; empty = shared.
    reserved_for: str = ""

    @property
    def has_thresholds(self) -> bool:
        return self.takes_high_memory or any(
            getattr(self, threshold) is not None for _, threshold, _ in _COUNTED
        )

    @property
    def obstacle(self) -> str:
        """Why a run would wait here now; empty when it would not, or nobody knows."""
        if self.is_paused:
            return "is paused"
        if self.workers_online == 0:
            return "has no worker online"
        if self.active is not None and self.limit is not None and self.active >= self.limit:
            return f"is full ({self.active} of {self.limit} slots taken)"
        return ""


@dataclass(frozen=True, slots=True)
class Route:
    """``pool`` and why. ``receipt`` is JSON: rule, chosen_by, capacity, fallbacks,
    counterfactual, summary."""

    pool: str
    reason: Reason
    receipt: dict[str, Any]


#: What is counted, the threshold it is held against, and the word for one of it.
_COUNTED = (
    ("nodes", "nodes_above", "node"),
    ("database_nodes", "database_nodes_above", "database node"),
    ("transforms", "transforms_above", "transform"),
    ("estimated_rows", "rows_above", "estimated row"),
)


def route(requirements: Requirements, pools: Sequence[PoolState]) -> Route:
    """The pool for a workflow among those its team may use; the same answer for the same
    arguments, whatever their order.

    Raises ``ValueError`` when there is no pool at all.
    """
    if not pools:
        raise ValueError("there is no pool; expected at least one; create it in the admin")
    ranked = sorted(pools, key=lambda pool: (-pool.rank, pool.name))
    preferred = next((pool for pool in ranked if pool.name == requirements.preferred_pool), None)
    ruled = _by_rule(requirements, ranked)
    fallbacks: list[dict[str, str]] = []
    reason: Reason = "rule"
    if preferred is not None:
        chosen, reason = preferred, "manual"
    else:
        chosen = _with_room(ruled, ranked, fallbacks)
        reason = "rule" if chosen is ruled else "fallback"
    why = _why(requirements, chosen if preferred else ruled, reason)
    receipt = {
        "rule": {"pool": ruled.name, "compared": [_compared(requirements, p) for p in ranked]},
        "chosen_by": reason,
        "capacity": {pool.name: _capacity(pool) for pool in ranked},
        "fallbacks": fallbacks,
        "counterfactual": _by_hand(chosen, ruled)
        if preferred
        else _counterfactual(requirements, ruled, ranked),
        "summary": _summary(chosen, ruled, reason, why, fallbacks),
    }
    if requirements.preferred_pool and preferred is None:
        receipt["unknown_preference"] = requirements.preferred_pool
    return Route(chosen.name, reason, receipt)


def _by_rule(requirements: Requirements, ranked: Sequence[PoolState]) -> PoolState:
    for pool in sorted(ranked, key=lambda pool: not pool.reserved_for):
        if any(_exceeded(requirements, pool)):
            return pool
    takers_of_the_rest = [pool for pool in ranked if not pool.has_thresholds]
    reserved = [pool for pool in takers_of_the_rest if pool.reserved_for]
    return (reserved or takers_of_the_rest or list(ranked))[-1]


def _with_room(
    ruled: PoolState, ranked: Sequence[PoolState], fallbacks: list[dict[str, str]]
) -> PoolState:
    """``ruled``, or the nearest pool of higher rank with room; notes why others were left."""
    candidate: PoolState | None = ruled
    upwards = iter([pool for pool in reversed(ranked) if pool.rank > ruled.rank])
    while candidate is not None:
        if not candidate.obstacle:
            return candidate
        fallbacks.append({"pool": candidate.name, "why": candidate.obstacle})
        candidate = next(upwards, None)
    return ruled


def _exceeded(requirements: Requirements, pool: PoolState) -> Iterator[str]:
    """Each reason for which the pool takes the workflow, in words."""
    if pool.takes_high_memory and requirements.needs_high_memory:
        yield "it asks for high memory"
    for counted, threshold, word in _COUNTED:
        value, limit = getattr(requirements, counted), getattr(pool, threshold)
        if value is not None and limit is not None and value > limit:
            yield f"{value:,} {word}s are more than {limit:,}"


def _compared(requirements: Requirements, pool: PoolState) -> dict[str, Any]:
    thresholds = [
        {"what": counted, "value": getattr(requirements, counted), "above": limit}
        for counted, threshold, _ in _COUNTED
        if (limit := getattr(pool, threshold)) is not None
    ]
    if pool.takes_high_memory:
        asked = requirements.needs_high_memory
        thresholds.append({"what": "needs_high_memory", "value": asked, "above": False})
    exceeded = list(_exceeded(requirements, pool))
    return {"pool": pool.name, "rank": pool.rank, "thresholds": thresholds, "exceeded": exceeded}


def _capacity(pool: PoolState) -> dict[str, Any]:
    return {
        "is_paused": pool.is_paused,
        "workers_online": pool.workers_online,
        "active": pool.active,
        "limit": pool.limit,
        "is_known": pool.workers_online is not None,
        "reserved_for": pool.reserved_for,
    }


def _by_hand(chosen: PoolState, ruled: PoolState) -> str:
    """What the rule says beside it."""
    return "" if chosen is ruled else f"the rule would choose {ruled.name}"


def _counterfactual(
    requirements: Requirements, ruled: PoolState, ranked: Sequence[PoolState]
) -> str:
    """The smallest change of one count that would lead the rule elsewhere."""
    changes = sorted(_changes(requirements, ranked), key=lambda change: change[0])
    for distance, phrase, changed in changes:
        other = _by_rule(changed, ranked)
        if other.name != ruled.name:
            many = "one" if distance == 1 else f"{distance:,}"
            return f"{many} {phrase} would choose {other.name}"
    return ""


def _changes(
    requirements: Requirements, ranked: Sequence[PoolState]
) -> Iterator[tuple[int, str, Requirements]]:
    """Steps over each threshold of each pool: (how far, in words, the changed requirements)."""
    for pool in ranked:
        for counted, threshold, word in _COUNTED:
            value, limit = getattr(requirements, counted), getattr(pool, threshold)
            if value is None or limit is None:
                continue
            target = limit if value > limit else limit + 1
            distance = abs(target - value)
            words = word if distance == 1 else word + "s"
            direction = "fewer" if target < value else "more"
            yield distance, f"{words} {direction}", replace(requirements, **{counted: target})


def _why(requirements: Requirements, pool: PoolState, reason: Reason) -> str:
    if reason == "manual":
        return "it was chosen by hand"
    exceeded = list(_exceeded(requirements, pool))
    return " and ".join(exceeded) if exceeded else "no pool's threshold is exceeded"


def _summary(
    chosen: PoolState, ruled: PoolState, reason: Reason, why: str, fallbacks: Sequence[Any]
) -> str:
    if reason == "manual":
        note = f", although it {chosen.obstacle}" if chosen.obstacle else ""
        return f"{_named(chosen)}, because {why}{note}"
    if reason == "fallback":
        return f"{_named(chosen)} instead of {ruled.name}, which {fallbacks[0]['why']}; {why}"
    waits = f"; it waits: {ruled.name} {ruled.obstacle}" if fallbacks else ""
    return f"{_named(ruled)}, because {why}{waits}"


def _named(pool: PoolState) -> str:
    return f"{pool.name}, reserved for {pool.reserved_for}" if pool.reserved_for else pool.name
