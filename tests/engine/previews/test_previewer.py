from __future__ import annotations

import contextlib
import fcntl
import signal
import struct
import termios
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
from pipelines import Databases, plan, source, transform
from waiting import wait_for

from engine.errors import Interrupted
from engine.plan import Plan
from engine.previews.previewer import client
from engine.previews.previewer.client import PreviewBroken, Previewer, PreviewerBusy

INLINE = {"columns": [{"name": "n", "type": "integer"}], "rows": [["1"], ["2"]]}


@pytest.fixture(scope="module")
def previewer() -> Iterator[Previewer]:
    """One for the module: what it costs to start is spent once."""
    made = Previewer()
    yield made
    made.close()


def request(wanted: Plan, node: str, **changes: Any) -> dict[str, Any]:
    extent = {"rows": 10, "source_rows": 100, "seconds": 20}
    body = wanted.model_copy(update={"memory_limit_mb": 128}).model_dump(mode="json")
    asked = {"plan": body, "node": node, "secrets": {}, "parameters": {}, "extent": extent}
    return {**asked, **changes}


def inline(**changes: Any) -> dict[str, Any]:
    step = source("read").model_copy(update={"kind": "inline_source", "config": INLINE})
    return request(plan([step]), "read", **changes)


def ask(previewer: Previewer, asked: dict[str, Any]) -> dict[str, Any]:
    return previewer.ask(asked, 20, is_wanted=lambda: True)


def test_a_child_answers_with_rows(previewer: Previewer) -> None:
    assert ask(previewer, inline())["preview"]["rows"] == [["1"], ["2"]]


def test_secrets_come_with_the_request(previewer: Previewer, databases: Databases) -> None:
    databases.in_source("create table orders(id int)", "insert into orders values (7)")
    given = databases.connections()["source"]
    wanted = plan([source("read", "orders")], {"source": given.model_copy(update={"sealed": "a"})})
    asked = request(wanted, "read", secrets={"a": {"password": given.sealed}})
    assert ask(previewer, asked)["preview"]["rows"] == [["7"]]


def test_a_failure_comes_back_with_its_node(previewer: Previewer) -> None:
    step = source("read", "orders")
    failure = ask(previewer, request(plan([step]), "read"))["failure"]
    assert (failure["node"], failure["code"]) == ("read", "E_PLAN")


def test_who_no_longer_wants_an_answer_gets_none(previewer: Previewer) -> None:
    with pytest.raises(Interrupted):
        previewer.ask(inline(), 20, is_wanted=lambda: False)


def test_parameters_and_bounds_come_with_the_request(previewer: Previewer) -> None:
    step = source("read").model_copy(update={"kind": "inline_source", "config": INLINE})
    steps = [step, transform("more", "filter", "read", condition="n >= $least")]
    extent = {"rows": 1, "source_rows": 100, "seconds": 20}
    asked = request(plan(steps, parameters={"least": 9}), "more", parameters={"least": 1})
    found = ask(previewer, {**asked, "extent": extent})["preview"]
    assert (found["rows"], found["has_more"]) == ([["1"]], True)


@pytest.fixture
def endless(databases: Databases) -> dict[str, Any]:
    """Rows of a table that never come."""
    databases.in_source("create view slow as select pg_sleep(600)::text as n")
    given = databases.connections()["source"]
    wanted = plan([source("read", "slow")], {"source": given.model_copy(update={"sealed": "a"})})
    extent = {"rows": 10, "source_rows": 10, "seconds": 600}
    return request(wanted, "read", secrets={"a": {"password": given.sealed}}, extent=extent)


def test_a_child_is_bound_and_ends_with_its_queries_when_unwanted(
    previewer: Previewer, databases: Databases, endless: dict[str, Any]
) -> None:
    sleeping = "select 1 from pg_stat_activity where wait_event = 'PgSleep'"
    unwanted = threading.Event()
    with ThreadPoolExecutor() as threads, contextlib.ExitStack() as leaving:
        leaving.callback(unwanted.set)
        asked = threads.submit(previewer.ask, endless, 600, lambda: not unwanted.is_set())
        wait_for("the query", lambda: databases.in_source(sleeping))
        assert previewer._process
        (child,) = psutil.Process(previewer._process.pid).children()
        assert child.rlimit(psutil.RLIMIT_DATA)[0] != psutil.RLIM_INFINITY
    assert isinstance(asked.exception(), Interrupted)
    wait_for("its end", lambda: not databases.in_source(sleeping))


def test_a_previewer_that_was_killed_is_started_again(previewer: Previewer) -> None:
    ask(previewer, inline())
    assert previewer._process
    previewer._process.kill()
    previewer._process.wait()
    assert "preview" in ask(previewer, inline())


def test_a_child_that_takes_too_much_memory_ends_alone(previewer: Previewer) -> None:
    step = source("read").model_copy(update={"kind": "inline_source", "config": INLINE})
    bomb = [{"name": "x", "expression": f"lpad('', {2_000_000_000}, 'x')"}]
    many = transform("many", "expression", "read", columns=bomb)
    asked = request(plan([step, many]), "many")
    with contextlib.suppress(PreviewBroken):  # the system may end it before it can answer
        assert "failure" in ask(previewer, asked)
    assert "preview" in ask(previewer, inline())


def test_there_is_room_for_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_AT_ONCE", 1)
    full = Previewer()
    full._free.acquire()
    with pytest.raises(PreviewerBusy):
        ask(full, inline())


def test_no_secret_of_the_web_process_is_in_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLOWADMIN_SECRET_KEYS", "canary")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "canary")
    fresh = Previewer()
    ask(fresh, inline())
    assert fresh._process
    with open(f"/proc/{fresh._process.pid}/environ") as environment:
        assert "canary" not in environment.read()
    fresh.close()


def test_a_previewer_that_ends_as_it_is_asked_is_replaced(previewer: Previewer) -> None:
    previewer.start()
    assert previewer._process
    previewer._process.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(ask, previewer, inline())
        wait_for("the request to lie before the door", lambda: is_something_before(previewer))
        previewer._process.kill()
        assert "preview" in answer.result()


def is_something_before(previewer: Previewer) -> bool:
    """Whether the previewer has yet to take what was handed over."""
    door = previewer._door
    assert door
    return struct.unpack("i", fcntl.ioctl(door, termios.TIOCOUTQ, bytes(4))) != (0,)


def test_it_is_started_before_it_is_asked() -> None:
    early = Previewer()
    early.start()
    started = early._process
    ask(early, inline())
    assert started is early._process
    early.close()
