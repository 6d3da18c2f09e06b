"""``python -m benchmarks NAME [--json]``: measure, print a table or one line of JSON."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import pkgutil
from collections.abc import Sequence

import benchmarks
from benchmarks.result import Result

_NOT_BENCHMARKS = {"__main__", "bulk", "crowd", "graphs", "result", "stack", "viewers"}


def names() -> list[str]:
    """Every benchmark there is."""
    modules = pkgutil.iter_modules(benchmarks.__path__)
    found = (module.name for module in modules if not module.ispkg)
    return sorted(name for name in found if name not in _NOT_BENCHMARKS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.add_argument(
        "--size", type=float, default=1, help="share of the full amount of rows, where one counts"
    )
    arguments = parser.parse_args()
    module = importlib.import_module(f"benchmarks.{arguments.name}")
    takes_size = "size" in inspect.signature(module.measure).parameters
    options = {"size": arguments.size} if takes_size else {}
    results = list(module.measure(**options))
    if arguments.json:
        body = {"name": arguments.name, "results": [result.as_json() for result in results]}
        print(json.dumps(body))
    else:
        print((module.__doc__ or "").strip(), table(results), sep="\n\n")


def table(results: Sequence[Result]) -> str:
    """The results as aligned columns."""
    rows = [("case", "metric", "value", "unit", "ratio", "target", "ok")]
    rows += [
        (
            result.case,
            result.metric,
            f"{result.value:.3g}",
            result.unit,
            "" if result.ratio is None else f"{result.ratio:.3g}",
            "" if result.target is None else f"{result.target:g}",
            {None: "", True: "yes", False: "NO"}[result.ok],
        )
        for result in results
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


if __name__ == "__main__":
    main()
