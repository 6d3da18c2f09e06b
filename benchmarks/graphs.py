"""Workflows of any size, made up for measurements."""

from __future__ import annotations

from itertools import pairwise

from workflows.definition import Definition, DependencyDefinition, NodeDefinition

#: What stands between source and target, over and over: filter, expression, select.
_CHAIN = (
    ("filter", lambda salt: {"condition": f"amount > {salt}"}),
    (
        "expression",
        lambda salt: {
            "columns": [
                {"name": "gross", "expression": f"amount * {1 + salt % 7}"},
                {"name": "label", "expression": "upper(name) || '!'"},
            ]
        },
    ),
    (
        "select",
        lambda salt: {
            "columns": [
                {"name": name}
                for name in ("id", "amount", "name", "gross", "label")[: 3 + salt % 3]
            ]
        },
    ),
)


def chain(size: int, *, connection: str, salt: int = 0) -> Definition:
    """A source, ``size - 2`` transforms one after the other, a target.

    ``salt`` changes every config a little, so that two chains share nothing a cache could keep.
    """
    source = NodeDefinition(
        key="source",
        kind="database_source",
        config={"connection": connection, "schema": "public", "table": "bench_source"},
    )
    target = NodeDefinition(
        key="target",
        kind="database_target",
        config={
            "connection": connection,
            "schema": "public",
            "table": "bench_target",
            "columns": [{"column": name, "target": name} for name in ("id", "amount", "name")],
        },
    )
    nodes = [source, *(_transform(number, salt) for number in range(1, size - 1)), target]
    edges = [
        DependencyDefinition(source=before.key, target=after.key)
        for before, after in pairwise(nodes)
    ]
    return Definition(
        name=f"Chain of {size} ({salt})", nodes=tuple(nodes), dependencies=tuple(edges)
    )


def _transform(number: int, salt: int) -> NodeDefinition:
    kind, config = _CHAIN[number % len(_CHAIN)]
    return NodeDefinition(key=f"n{number}", kind=kind, config=config(number + salt))
