"""Which columns of a table a chain does more with than to carry them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp

from engine.expression import parse
from engine.kind import NodeConfig
from engine.kinds.aggregate import AggregateConfig
from engine.kinds.expression import ExpressionConfig
from engine.kinds.filter import FilterConfig
from engine.kinds.select import SelectConfig
from engine.stages.pushdown import Layer


def reckoned_with(layers: Sequence[Layer], names: Iterable[str]) -> set[str]:
    """Those of ``names`` whose values are compared, computed with or cast; in small letters."""
    origins = {name.casefold(): name.casefold() for name in names}
    used: set[str] = set()
    for layer in layers:
        used.update(origins[name] for name in _mentioned(layer.config) if name in origins)
        origins = _carried(layer.config, origins)
    return used


def _mentioned(config: NodeConfig) -> Iterator[str]:
    texts: list[str] = []
    if isinstance(config, FilterConfig):
        texts = [config.condition]
    elif isinstance(config, ExpressionConfig):
        texts = [column.expression for column in config.columns]
    elif isinstance(config, SelectConfig):
        yield from (column.name.casefold() for column in config.columns if column.type)
    elif isinstance(config, AggregateConfig):
        yield from (name.casefold() for name in config.group_by)
        yield from (made.column.casefold() for made in config.aggregates)
    for text in texts:
        yield from (column.name.casefold() for column in parse(text).find_all(exp.Column))


def _carried(config: NodeConfig, origins: dict[str, str]) -> dict[str, str]:
    """Name after the node → name in the table, of what is neither computed nor dropped."""
    if isinstance(config, ExpressionConfig):
        computed = {column.name.casefold() for column in config.columns}
        return {name: origin for name, origin in origins.items() if name not in computed}
    if isinstance(config, SelectConfig):
        return {
            (column.rename or column.name).casefold(): origins[column.name.casefold()]
            for column in config.columns
            if column.name.casefold() in origins
        }
    if isinstance(config, AggregateConfig):
        keys = {name.casefold() for name in config.group_by}
        return {name: origin for name, origin in origins.items() if name in keys}
    return origins
