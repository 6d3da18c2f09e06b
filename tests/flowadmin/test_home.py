"""The state folder: secrets, lock, leftovers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from flowadmin.supervisor import leftovers
from flowadmin.supervisor.home import AlreadyRunning, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make()
    return home


def sleeper() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    return subprocess.Popen(command, start_new_session=True)


def test_secrets_are_made_once(home: Home) -> None:
    assert home.secrets() == home.secrets()


def test_a_secret_that_a_newer_version_needs_is_added(home: Home) -> None:
    (home.path / "secrets.env").write_text("FLOWADMIN_SECRET_KEY='kept'\n")
    assert home.secrets()["FLOWADMIN_SECRET_KEY"] == "kept"
    assert home.secrets()["FLOWADMIN_SECRET_KEYS"]


def test_nobody_else_can_read_secrets(home: Home) -> None:
    home.secrets()
    home.write_runtime({"A": "b"})
    files = [home.path / "secrets.env", home.path / "runtime.env"]
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]


def test_runtime_values_are_read_back(home: Home) -> None:
    home.write_runtime({"A": "x=1 #2"})
    assert dotenv_values(home.path / "runtime.env") == {"A": "x=1 #2"}


def test_a_second_supervisor_learns_who_is_there(home: Home) -> None:
    refused = pytest.raises(AlreadyRunning, match=r"process 7 at http://127\.0\.0\.1:8000")
    with home.lock("process 7 at http://127.0.0.1:8000"), refused:
        home.lock("process 8")


def test_a_lock_ends_with_its_holder(home: Home) -> None:
    home.lock("process 7").close()
    with home.lock("process 8"):
        assert (home.path / "lock").read_text() == "process 8"


def test_what_was_left_behind_is_ended(home: Home) -> None:
    process = sleeper()
    leftovers.remember(home.pids, "web", process.pid)
    leftovers.sweep(home.pids, lambda name, text: None, grace_seconds=0.2)
    assert process.wait(5) != 0
    assert list(home.pids.iterdir()) == []


def test_a_pid_that_belongs_to_another_by_now_stays_alone(home: Home) -> None:
    process = sleeper()
    (home.pids / "web").write_text(f"{process.pid} 12")
    leftovers.sweep(home.pids, lambda name, text: None)
    assert process.poll() is None
    process.kill()
    process.wait()


def test_no_process_has_no_start_time() -> None:
    assert leftovers.started_at(os.getpid())
    assert leftovers.started_at(2**22 + 1) == ""
