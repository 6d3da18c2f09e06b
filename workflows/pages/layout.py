"""Where the nodes of a picture stand: layers from left to right, or as the editor saved them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

#: Size of a node, and the room between nodes, in pixels.
WIDTH, HEIGHT = 196, 64
_GAP_X, _GAP_Y = 40, 20

#: From the output of the first node to an input of the second.
Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """The upper left corner."""

    x: float
    y: float


def arrange(
    keys: Sequence[str], edges: Sequence[Edge], saved: Mapping[str, Mapping[str, float]]
) -> dict[str, Place]:
    """Node → place, from (0, 0) on; no two nodes overlap.

    Saved places count when every node has its own; the editor's nodes may be smaller than
    ours, so where those would overlap the layers are taken.
    """
    places = {key: Place(saved[key]["x"], saved[key]["y"]) for key in keys if key in saved}
    if len(places) < len(keys) or _overlap(places.values()):
        places = _layered(keys, edges)
    left = min((place.x for place in places.values()), default=0)
    top = min((place.y for place in places.values()), default=0)
    return {key: Place(place.x - left, place.y - top) for key, place in places.items()}


def extent(places: Mapping[str, Place]) -> tuple[float, float]:
    """Width and height of the whole."""
    return (
        max((place.x for place in places.values()), default=0) + WIDTH,
        max((place.y for place in places.values()), default=0) + HEIGHT,
    )


def _overlap(places: Iterable[Place]) -> bool:
    return any(
        abs(one.x - other.x) < WIDTH and abs(one.y - other.y) < HEIGHT
        for one, other in combinations(places, 2)
    )


def _layered(keys: Sequence[str], edges: Sequence[Edge]) -> dict[str, Place]:
    """Each node one layer right of the last of its inputs, beside their middle."""
    inputs = _inputs(keys, edges)
    depths = _depths(keys, inputs)
    layers: list[list[str]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for key in keys:
        layers[depths[key]].append(key)
    places: dict[str, Place] = {}
    for depth, layer in enumerate(layers):
        _stack(depth, layer, inputs, places)
    return places


def _inputs(keys: Sequence[str], edges: Sequence[Edge]) -> dict[str, list[str]]:
    inputs: dict[str, list[str]] = {key: [] for key in keys}
    for source, target in edges:
        if source in inputs and target in inputs:
            inputs[target].append(source)
    return inputs


def _depths(keys: Sequence[str], inputs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Length of the longest way to each node; a cycle stops growing after a round."""
    depths = dict.fromkeys(keys, 0)
    for _ in keys:
        grown = {
            key: max((depths[one] + 1 for one in sources), default=0)
            for key, sources in inputs.items()
        }
        grown = {key: min(depth, len(keys) - 1) for key, depth in grown.items()}
        if grown == depths:
            break
        depths = grown
    return depths


def _stack(
    depth: int, layer: Sequence[str], inputs: Mapping[str, Sequence[str]], places: dict[str, Place]
) -> None:
    """Put a layer below one another, each node as near to its inputs as there is room."""
    wanted = {
        key: fmean([places[one].y for one in inputs[key] if one in places] or [0]) for key in layer
    }
    free = float("-inf")
    for key in sorted(layer, key=wanted.__getitem__):
        y = max(wanted[key], free)
        places[key] = Place(depth * (WIDTH + _GAP_X), y)
        free = y + HEIGHT + _GAP_Y
