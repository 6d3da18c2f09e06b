"""Some rows of each node of a run, as its worker sent them to Prefect; read when somebody looks.

For a page: ``sample = read(run, node_key)``; ``sample.columns`` have name and type,
``sample.rows`` are tuples of texts (None = NULL), ``sample.clipped`` says which cells are cut,
``sample.has_more`` that there are more rows. Without ``sample.is_complete`` they were worked out
from the first rows of the sources while the run began: say so where nodes before gather rows
(joins, aggregates).
"""

from __future__ import annotations

from engine.samples.sample import Sample
from workers.prefect.current import gateway
from workflows.models import Run


def read(run: Run, node_key: str) -> Sample | None:
    """None where nothing was kept: turned off, too slow to be had, not reached.

    Of a node that a retry did not run again: what the run has that made its rows.

    Raises GatewayError.
    """
    found = gateway().node_sample(run.pk, node_key)
    if found:
        return Sample.of_json(found)
    row = run.node_runs.filter(node_key=node_key).first()
    return read(run.parent, node_key) if row and row.is_reused and run.parent else None
