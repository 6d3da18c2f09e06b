from __future__ import annotations

from workers.routing import PoolState, Requirements, route
from workflows.pages.receipts import receipt_view

POOLS = [PoolState("high", 30, nodes_above=10, rows_above=5_000_000), PoolState("rest", 10)]


def test_a_pool_is_shown_with_what_it_takes_and_what_the_workflow_has():
    chosen = route(Requirements(nodes=7, database_nodes=2, transforms=4), POOLS)
    high, rest = receipt_view(chosen.receipt, chosen.pool).pools
    assert "more than 10 nodes (7), more than 5,000,000 estimated rows (unknown)" in high.thresholds
    assert (rest.thresholds, rest.is_chosen) == ("takes the rest", True)


def test_a_workflow_without_a_receipt_has_nothing_to_show():
    assert receipt_view({}, "") is None
