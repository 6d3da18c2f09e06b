"""``python -m engine.worker --pool NAME [--pool NAME…]``: run flows of these pools, warm.

Settings, from the environment:

PREFECT_API_URL           Prefect's API
PREFECT_API_AUTH_STRING   user:password of it, if it wants one
FLOWADMIN_POOL_KEYS       folder with the private key of each pool, ``<pool>.key``
FLOWADMIN_WAKE_URL        Redis that tells of new runs; without it they are polled for
FLOWADMIN_FILE_ROOTS      folders in which connections to files may lie, separated by colons
FLOWADMIN_INTERNAL_HOSTS  hosts and networks that may be reached though they are not public
FLOWADMIN_SAMPLE_ROWS     rows of each node that a run keeps to show; 0 = none
FLOWADMIN_ALLOW_PYTHON    true = nodes of kind python may run here
FLOWADMIN_CHECKPOINTS     folder for rows that a retry goes on from; without it none are kept
FLOWADMIN_CHECKPOINT_DAYS, FLOWADMIN_CHECKPOINT_GB   for how long, and how many, at most

A plain Prefect process worker can run the same deployments, only slower.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from engine.warm.confining import confine
from engine.warm.run import hand_over, handed_over, obey, prepare, scrubbed

if TYPE_CHECKING:
    from engine.warm.lines import Line

#: At most this long does an ended run wait for a server that does not take its events.
DRAIN_SECONDS = 10

#: What pools and runs import on their way when nobody did before: once, instead of in each.
_IMPORTED_LATE = (
    "engine.flow",
    "engine.warm.api",
    "engine.warm.pool",
    "anyio._backends._asyncio",
    "duckdb",
    "httpcore",
    "prefect._internal.concurrency.api",
    "prefect._internal.metrics",
    "prefect._internal.observers",
    "prefect._internal.websockets",
    "prefect.client.orchestration",
    "prefect.concurrency.v1._asyncio",
    "prefect.engine",
    "prefect.events.clients",
    "prefect.events.worker",
    "prefect.filesystems",
    "prefect.flow_engine",
    "prefect.logging.handlers",
    "prefect.results",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "psycopg",
    "rich._emoji_codes",
    "websockets.asyncio.client",
)


def main() -> None:
    pools = _pools()
    _start_again_scrubbed()
    _import_all()
    from engine.warm.parent import Parent

    Parent(pools, pool_main=_be_pool, run_main=_be_run).run()


def _pools() -> list[str]:
    parser = argparse.ArgumentParser(prog="python -m engine.worker", description=__doc__)
    parser.add_argument("--pool", action="append", required=True, help="may be given again")
    pools: list[str] = parser.parse_args().pool
    return pools


def _start_again_scrubbed() -> None:
    """Replace this process by one that never saw more of the environment than it may.

    What is secret of it comes through a pipe: the environment a process is started with stays
    readable in ``/proc`` for it and for all that it forks.
    """
    if handed_over():
        return
    wanted = {**_defaults(os.environ), **scrubbed(os.environ)}
    command = [sys.executable, "-m", "engine.worker", *sys.argv[1:]]
    os.execve(sys.executable, command, hand_over(wanted))  # noqa: S606


def _defaults(environment: Mapping[str, str]) -> dict[str, str]:
    """Settings of Prefect's client that save each run a request or a file; may be overridden."""
    chosen = {
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    }
    if environment.get("PREFECT_API_URL", "").startswith("http://"):
        # Without TLS there is nothing to verify, and the certificates take 50 ms to load.
        chosen["PREFECT_API_TLS_INSECURE_SKIP_VERIFY"] = "true"
    return chosen


def _import_all() -> None:
    """Import and construct what every run needs; open no connection, start no thread."""
    for name in _IMPORTED_LATE:
        importlib.import_module(name)
    from prefect.logging.configuration import setup_logging

    from engine import registry

    registry.kinds()
    registry.connectors()
    setup_logging()


def _be_pool(pool: str, parent: Line) -> None:
    from engine.warm.api import PrefectApi
    from engine.warm.pool import PoolWorker

    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", force=True
    )
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    auth = os.environ.get("PREFECT_API_AUTH_STRING", "")
    api = PrefectApi(os.environ["PREFECT_API_URL"], auth)
    wake_url = os.environ.get("FLOWADMIN_WAKE_URL", "")
    PoolWorker(pool, api, parent, wake_url=wake_url).run()


def _be_run(pool: str, run: str, body: dict[str, Any], worker: Line) -> int:
    """Run the flow as ``python -m prefect.engine`` does, less what is known already."""
    prepare(pool, run)
    plan = body.get("parameters", {}).get("plan")
    folder = confine(plan if isinstance(plan, dict) else {})
    from prefect.client.schemas.objects import FlowRun
    from prefect.engine import handle_engine_signals
    from prefect.flow_engine import run_flow
    from prefect.logging.loggers import flow_run_logger
    from prefect.settings import get_current_settings

    from engine.flow import run_workflow

    # The pool's worker, who sees the process live, beats for it; a thread that does so
    # here would hold up the end of each run by a second.
    get_current_settings().flows.heartbeat_frequency = None
    obey(worker, on_cancel=_cancel)
    # Known to be of a deployment, the engine would first open a connection to learn of
    # suspensions, which FlowAdmin does not use; it reads the run again soon after.
    flow_run = FlowRun.model_validate({**body, "deployment_id": None})
    logger = cast("logging.Logger", flow_run_logger(flow_run))
    try:
        with handle_engine_signals(flow_run.id):
            run_flow(run_workflow, flow_run=flow_run, error_logger=logger, return_type="state")
    finally:
        _send_the_rest()
        folder.close()
    return 0


def _send_the_rest() -> None:
    """Wait for events and logs on their way, as the interpreter's own exit would."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    EventsWorker.drain_all(timeout=DRAIN_SECONDS)
    APILogWorker.drain_all(timeout=DRAIN_SECONDS)


def _cancel() -> None:
    """Make the engine end the run as Cancelled, as if Prefect's own runner had asked."""
    from prefect._internal import control_listener

    control_listener._set_intent("cancel")
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
