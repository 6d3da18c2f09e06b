"""One part: started, watched, started again, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from flowadmin.embedded.part import Claim, Part, free_port
from flowadmin.supervisor.child import Child, PartFailed
from flowadmin.supervisor.console import Console
from flowadmin.supervisor.guarding import Guard
from flowadmin.supervisor.home import Home
from flowadmin.supervisor.supervisor import PortTaken, Supervisor, check_ports

Runner = Callable[..., int]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.make()
    return home


@pytest.fixture
def supervise(home: Home) -> Iterator[Runner]:
    """Run parts until ``goal`` is reached, and return the exit code."""

    def run(*parts: Part, goal: str | None = None) -> int:
        with Guard(home.pids) as guard:
            return asyncio.run(Supervisor(parts, guard, Console(home.logs), goal).run())

    yield run
    assert list(home.pids.iterdir()) == []


def python(name: str, code: str, **facts: object) -> Part:
    return replace(Part(name, (sys.executable, "-c", code)), **facts)  # type: ignore[arg-type]


def sleeper(name: str, **facts: object) -> Part:
    return python(name, "import time; time.sleep(60)", **facts)


def test_a_part_waits_for_those_it_needs(supervise: Runner, tmp_path: Path) -> None:
    first = python("first", f"open({str(tmp_path / 'made')!r}, 'w')", once=True)
    second = python("second", f"open({str(tmp_path / 'made')!r})", once=True, after=("first",))
    assert supervise(second, first, goal="second") == 0


def test_a_task_that_fails_ends_the_start_with_its_last_line(
    supervise: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    task = python("task", "import sys; sys.exit('the disk is full')", once=True)
    assert supervise(sleeper("service"), task) == 1
    assert "task ended with 1" in (out := capsys.readouterr().out)
    assert "the disk is full" in out


def test_a_service_that_ends_is_started_again(
    supervise: Runner, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    lives = home.path / "lives"
    service = python(
        "service", f"import time; open({str(lives)!r}, 'a').write('x'); time.sleep(0.5)"
    )
    wait = (
        f"import pathlib, time; path = pathlib.Path({str(lives)!r})\n"
        "while not path.exists() or len(path.read_text()) < 2: time.sleep(0.05)"
    )
    assert supervise(service, python("goal", wait, once=True, after=("service",)), goal="goal") == 0
    assert "service    │ ended with 0; again in 1 s" in capsys.readouterr().out


def test_a_service_that_is_killed_is_started_again_though_its_child_lives_on(
    supervise: Runner, home: Home
) -> None:
    pids = home.path / "pids-of-lives"
    service = (
        f"import os, time\nif os.fork(): open({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
        "time.sleep(3600)"
    )
    kill = (
        f"import os, pathlib, time; path = pathlib.Path({str(pids)!r})\n"
        "lives = lambda: path.read_text().split() if path.exists() else []\n"
        "while not lives(): time.sleep(0.05)\n"
        "os.kill(int(lives()[0]), 9)\n"
        "while len(lives()) < 2: time.sleep(0.05)"
    )
    goal = python("goal", kill, once=True)
    assert supervise(python("service", service), goal, goal="goal") == 0


def test_a_service_that_is_never_ready_ends_the_start(home: Home) -> None:
    broken = python("broken", "raise SystemExit('no licence')", is_ready=lambda: False)
    with Guard(home.pids) as guard, pytest.raises(PartFailed, match="no licence"):
        asyncio.run(Child(broken, guard, Console(home.logs)).keep_running())


def test_a_process_that_ignores_the_signal_is_killed_with_its_children(
    supervise: Runner, home: Home
) -> None:
    pids = home.path / "stubborn"
    stubborn = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"os.fork(); open({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(60)"
    )
    wait = (
        f"import pathlib, time; path = pathlib.Path({str(pids)!r})\n"
        "while not path.exists() or path.read_text().count('\\n') < 2: time.sleep(0.05)"
    )
    task = python("goal", wait, once=True)
    assert supervise(python("stubborn", stubborn, grace_seconds=0.3), task, goal="goal") == 0
    alive = [int(pid) for pid in pids.read_text().split() if psutil.pid_exists(int(pid))]
    assert [pid for pid in alive if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE] == []


def test_settings_around_do_not_reach_a_part(
    supervise: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_PROFILE", "mine")
    code = "import os; assert 'PREFECT_PROFILE' not in os.environ; assert os.environ['A'] == '1'"
    assert supervise(python("task", code, once=True, env={"A": "1"}), goal="task") == 0


def test_a_taken_port_names_the_setting_that_moves_it() -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port := free_port()))
        listener.listen()
        part = sleeper("web", claim=Claim(port, "FLOWADMIN_WEB_PORT"))
        with pytest.raises(PortTaken, match=f"port {port} for web .* FLOWADMIN_WEB_PORT"):
            check_ports([part])


def test_a_guard_ends_what_a_dead_supervisor_left(home: Home) -> None:
    family = "import os, time; os.fork(); time.sleep(60)"
    left = subprocess.Popen([sys.executable, "-c", family], start_new_session=True)
    with Guard(home.pids) as guard:
        guard.watch("web", left.pid)
    assert left.wait(5) == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.killpg(left.pid, 0)
