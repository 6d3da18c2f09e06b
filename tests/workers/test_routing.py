from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.routing import PoolState, Requirements, Route, route

SMALL = PoolState("default-agent-pool", 10)
ETL = PoolState("etl-pool", 20, database_nodes_above=2, transforms_above=3)
LARGE = PoolState(
    "high-memory-pool", 30, nodes_above=10, rows_above=5_000_000, takes_high_memory=True
)
POOLS = (SMALL, ETL, LARGE)


def state(pool: PoolState, **load: object) -> PoolState:
    from dataclasses import replace

    known = {"is_paused": False, "workers_online": 1, "active": 0, "limit": 2}
    return replace(pool, **{**known, **load})


@pytest.mark.parametrize(
    ("requirements", "pool"),
    [
        (Requirements(nodes=3, database_nodes=2, transforms=3), "default-agent-pool"),
        (Requirements(nodes=3, database_nodes=3), "etl-pool"),
        (Requirements(nodes=6, transforms=4), "etl-pool"),
        (Requirements(nodes=10), "default-agent-pool"),
        (Requirements(nodes=11, database_nodes=9), "high-memory-pool"),
        (Requirements(nodes=2, needs_high_memory=True), "high-memory-pool"),
        (Requirements(nodes=2, estimated_rows=5_000_001), "high-memory-pool"),
        (Requirements(nodes=2, estimated_rows=5_000_000), "default-agent-pool"),
    ],
)
def test_a_workflow_belongs_to_the_first_pool_one_of_whose_thresholds_it_exceeds(
    requirements: Requirements, pool: str
) -> None:
    chosen = route(requirements, POOLS)

    assert (chosen.pool, chosen.reason) == (pool, "rule")


def test_a_pool_chosen_by_hand_wins_even_when_full() -> None:
    pools = [state(SMALL, active=2), state(ETL), state(LARGE)]

    chosen = route(Requirements(nodes=1, preferred_pool="default-agent-pool"), pools)

    assert (chosen.pool, chosen.reason) == ("default-agent-pool", "manual")
    assert "although it is full" in chosen.receipt["summary"]


def test_an_unknown_preference_is_noted_and_the_rule_decides() -> None:
    chosen = route(Requirements(nodes=1, preferred_pool="gone"), POOLS)

    assert (chosen.pool, chosen.reason) == ("default-agent-pool", "rule")
    assert chosen.receipt["unknown_preference"] == "gone"


@pytest.mark.parametrize(
    ("load", "why"),
    [
        ({"is_paused": True}, "is paused"),
        ({"workers_online": 0}, "has no worker online"),
        ({"active": 2}, "is full (2 of 2 slots taken)"),
    ],
)
def test_a_pool_without_room_gives_way_to_the_next_higher_one(
    load: dict[str, object], why: str
) -> None:
    chosen = route(Requirements(nodes=1), [state(SMALL, **load), state(ETL), state(LARGE)])

    assert (chosen.pool, chosen.reason) == ("etl-pool", "fallback")
    assert chosen.receipt["fallbacks"] == [{"pool": "default-agent-pool", "why": why}]


def test_falling_back_never_goes_to_a_lower_pool() -> None:
    pools = [state(SMALL), state(ETL), state(LARGE, active=2)]

    chosen = route(Requirements(nodes=11), pools)

    assert (chosen.pool, chosen.reason) == ("high-memory-pool", "rule")
    assert "it waits" in chosen.receipt["summary"]


def test_unknown_load_is_no_reason_to_fall_back() -> None:
    chosen = route(Requirements(nodes=1), POOLS)

    assert chosen.receipt["fallbacks"] == []
    assert chosen.receipt["capacity"]["default-agent-pool"]["is_known"] is False


def test_the_receipt_names_the_nearest_change_that_leads_elsewhere() -> None:
    receipt = route(Requirements(nodes=4, database_nodes=3), POOLS).receipt

    assert receipt["counterfactual"] == "one database node fewer would choose default-agent-pool"
    assert receipt["summary"] == "etl-pool, because 3 database nodes are more than 2"


def test_a_pool_chosen_by_hand_is_told_beside_what_the_rule_would_choose() -> None:
    by_hand = Requirements(nodes=1, preferred_pool="etl-pool")
    receipt = route(by_hand, POOLS).receipt
    assert receipt["summary"] == "etl-pool, because it was chosen by hand"
    assert receipt["counterfactual"] == "the rule would choose default-agent-pool"

    same = Requirements(nodes=1, preferred_pool="default-agent-pool")
    assert route(same, POOLS).receipt["counterfactual"] == ""


OWN = PoolState("shop-pool", 15, reserved_for="Shop")


def test_a_pool_reserved_for_the_team_takes_the_rest_before_a_shared_one() -> None:
    chosen = route(Requirements(nodes=1), [*POOLS, OWN])

    assert chosen.pool == "shop-pool"
    assert chosen.receipt["summary"].startswith("shop-pool, reserved for Shop, because")
    assert chosen.receipt["capacity"]["shop-pool"]["reserved_for"] == "Shop"


def test_a_threshold_of_a_reserved_pool_counts_before_those_of_higher_shared_ones() -> None:
    own = PoolState("shop-etl", 15, transforms_above=3, reserved_for="Shop")

    assert route(Requirements(nodes=11, transforms=4), [*POOLS, own]).pool == "shop-etl"
    assert route(Requirements(nodes=11, transforms=3), [*POOLS, own]).pool == "high-memory-pool"


def test_a_reserved_pool_without_room_gives_way_to_a_shared_one() -> None:
    pools = [state(SMALL), state(OWN, is_paused=True), state(ETL), state(LARGE)]

    chosen = route(Requirements(nodes=1), pools)

    assert (chosen.pool, chosen.reason) == ("etl-pool", "fallback")


def test_no_pool_at_all_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="there is no pool"):
        route(Requirements(nodes=1), [])


counts = st.integers(0, 50)
requirement = st.builds(
    Requirements,
    nodes=counts,
    database_nodes=counts,
    transforms=counts,
    estimated_rows=st.none() | st.integers(0, 10**9),
    needs_high_memory=st.booleans(),
    preferred_pool=st.sampled_from(["", "p0", "p1", "p9"]),
)
maybe_count = st.none() | counts


@st.composite
def some_pools(draw: st.DrawFn) -> list[PoolState]:
    ranks = draw(st.lists(counts, min_size=1, max_size=5, unique=True))
    return [
        PoolState(
            name=f"p{index}",
            rank=rank,
            nodes_above=draw(maybe_count),
            database_nodes_above=draw(maybe_count),
            transforms_above=draw(maybe_count),
            rows_above=draw(maybe_count),
            takes_high_memory=draw(st.booleans()),
            is_paused=draw(st.none() | st.booleans()),
            workers_online=draw(maybe_count),
            active=draw(maybe_count),
            limit=draw(maybe_count),
            reserved_for=draw(st.sampled_from(["", "Shop"])),
        )
        for index, rank in enumerate(ranks)
    ]


def ruled(chosen: Route, pools: list[PoolState]) -> PoolState:
    return next(pool for pool in pools if pool.name == chosen.receipt["rule"]["pool"])


@given(requirement, some_pools())
def test_every_workflow_gets_a_pool_with_a_receipt_of_plain_json(
    wanted: Requirements, pools: list[PoolState]
) -> None:
    chosen = route(wanted, pools)

    assert chosen.pool in {pool.name for pool in pools}
    assert json.loads(json.dumps(chosen.receipt)) == chosen.receipt


@given(requirement, some_pools(), st.randoms())
def test_the_same_facts_give_the_same_route_in_any_order(
    wanted: Requirements, pools: list[PoolState], random: object
) -> None:
    shuffled = list(pools)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert route(wanted, pools) == route(wanted, shuffled)


@given(requirement, some_pools())
def test_a_pool_below_the_rules_choice_is_never_chosen_unless_by_hand(
    wanted: Requirements, pools: list[PoolState]
) -> None:
    chosen = route(wanted, pools)

    taken = next(pool for pool in pools if pool.name == chosen.pool)
    if chosen.reason == "manual":
        assert chosen.pool == wanted.preferred_pool
    else:
        assert taken.rank >= ruled(chosen, pools).rank


@given(requirement, some_pools())
def test_a_fallback_has_room_and_the_one_it_replaces_has_not(
    wanted: Requirements, pools: list[PoolState]
) -> None:
    chosen = route(wanted, pools)

    if chosen.reason == "fallback":
        taken = next(pool for pool in pools if pool.name == chosen.pool)
        assert not taken.obstacle
        assert ruled(chosen, pools).obstacle
