from __future__ import annotations

from itertools import combinations, pairwise
from random import Random

import pytest

from workflows.pages.layout import HEIGHT, WIDTH, arrange, extent


def overlapping(places) -> list:
    return [
        (a, b)
        for (a, one), (b, other) in combinations(places.items(), 2)
        if abs(one.x - other.x) < WIDTH and abs(one.y - other.y) < HEIGHT
    ]


def random_graph(seed: int, nodes: int = 60):
    random = Random(seed)
    keys = [f"n{number}" for number in range(nodes)]
    edges = [(keys[random.randrange(at)], keys[at]) for at in range(1, nodes)]
    edges += [tuple(sorted(random.sample(keys, 2), key=keys.index)) for _ in range(nodes // 2)]
    return keys, edges


@pytest.mark.parametrize("seed", range(10))
def test_no_two_nodes_overlap(seed):
    assert overlapping(arrange(*random_graph(seed), {})) == []


@pytest.mark.parametrize("seed", range(10))
def test_every_dependency_leads_to_the_right(seed):
    keys, edges = random_graph(seed)
    places = arrange(keys, edges, {})
    assert all(places[source].x + WIDTH < places[target].x for source, target in edges)


def test_a_chain_is_straight():
    keys = list("abcd")
    places = arrange(keys, list(pairwise(keys)), {})
    assert {place.y for place in places.values()} == {0}
    assert [place.x for place in places.values()] == sorted(place.x for place in places.values())


def test_the_same_graph_is_drawn_the_same_whatever_the_order_of_its_edges():
    keys, edges = random_graph(3)
    assert arrange(keys, edges, {}) == arrange(keys, edges[::-1], {})


def test_siblings_keep_the_order_of_the_nodes():
    places = arrange(["a", "x", "y", "z"], [("a", "x"), ("a", "y"), ("a", "z")], {})
    assert places["x"].y < places["y"].y < places["z"].y


def test_a_cycle_is_drawn_too():
    keys = list("abc")
    assert overlapping(arrange(keys, [("a", "b"), ("b", "c"), ("c", "a")], {})) == []


def test_an_edge_to_a_node_that_is_not_there_is_passed_over():
    assert set(arrange(["a"], [("gone", "a")], {})) == {"a"}


def test_saved_places_are_kept_from_the_corner_on():
    saved = {"a": {"x": -50, "y": 10}, "b": {"x": 400, "y": 300}}
    places = arrange(["a", "b"], [], saved)
    assert [(place.x, place.y) for place in places.values()] == [(0, 0), (450, 290)]


def test_saved_places_that_overlap_are_not_taken():
    saved = {"a": {"x": 0, "y": 0}, "b": {"x": 0, "y": 0}}
    assert overlapping(arrange(["a", "b"], [("a", "b")], saved)) == []


def test_the_whole_holds_every_node():
    places = arrange(*random_graph(1), {})
    width, height = extent(places)
    assert max(place.x for place in places.values()) + WIDTH == width
    assert max(place.y for place in places.values()) + HEIGHT == height
