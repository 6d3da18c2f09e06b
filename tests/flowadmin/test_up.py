"""``manage.py up`` as a user sees it: one start from nothing, and everything that may follow."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from waiting import wait_for

from flowadmin.embedded.part import free_port
from flowadmin.environment import BASE_DIR

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("up")]
PARTS = ("POSTGRES", "REDIS", "PREFECT", "WEB")


@dataclass
class Up:
    """A home with ports of its own, and the supervisor that runs in it."""

    home: Path
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in PARTS})
    process: subprocess.Popen[str] | None = None

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.ports['WEB']}"

    def environment(self) -> dict[str, str]:
        """That of a new shell; none of the session's servers."""
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        ports = {f"FLOWADMIN_{name}_PORT": str(port) for name, port in self.ports.items()}
        return {
            **keep,
            **ports,
            "FLOWADMIN_HOME": str(self.home),
            "FLOWADMIN_ENV_FILE": os.devnull,
        }

    def manage(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, BASE_DIR / "manage.py", *arguments],
            env={**self.environment(), **more},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def start(self) -> str:
        """Start it; everything it says until it is ready."""
        self.process = subprocess.Popen(
            [sys.executable, BASE_DIR / "manage.py", "up"],
            env=self.environment(),
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if "Stop      Ctrl-C" in line:
                return "".join(said)
        self.process.communicate()
        pytest.fail("it ended:\n" + "".join(said[-60:]))

    def shell(self, commands: str) -> str:
        """What the commands print, run in the repository as a user beside the stack would."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            env=self.environment(),
            cwd=BASE_DIR,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def count(self, connection: str, statement: str) -> int:
        code = (
            "from workflows.models import Connection as C;"
            "from workflows.services.connections import config_of;"
            f"database = config_of(C.objects.get(slug='{connection}')).connect();"
            f"print(database.execute({statement!r}).fetchone()[0])"
        )
        return int(self.manage("shell", "--no-imports", "-c", code).stdout)

    def family(self) -> list[psutil.Process]:
        """The supervisor and all that came from it."""
        assert self.process is not None
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def stop(self, number: signal.Signals) -> float:
        """Send a signal, and wait until nothing is left; the seconds that took."""
        assert self.process is not None
        family, began = self.family(), time.monotonic()
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        _, alive = psutil.wait_procs(family[1:], timeout=30)
        assert alive == []
        return time.monotonic() - began


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    home = Path(tempfile.mkdtemp(prefix="flowadmin-up-"))
    home.chmod(0o755)
    up = Up(home)
    yield up
    if up.process and up.process.poll() is None:
        up.stop(signal.SIGTERM)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def first_start(up: Up) -> str:
    return up.start()


def command_of(process: psutil.Process) -> list[str]:
    """Its command line; empty of one that has just ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def readme_commands(up: Up) -> tuple[str, str, str]:
    """The README's first workflow, for this stack: how it is saved, looked at, and run."""
    block = re.search(r"```sh\n(TOKEN=.*?)```", (BASE_DIR / "README.md").read_text(), re.S)
    assert block
    here = block[1].replace(":8000", f":{up.ports['WEB']}")
    here = here.replace(".venv/bin/python", sys.executable)
    save, look, run, _ = re.split(r"^sleep \d+; |^(?=curl .*execute)", here, flags=re.M)
    return save, look, run


def latest_run(api: httpx.Client) -> dict[str, Any]:
    runs: list[dict[str, Any]] = api.get("/status").json()["recent_runs"]
    return runs[0] if runs else {"state": None}


def test_a_first_start_runs_the_sample_and_prints_how_to_sign_in(first_start: str, up: Up) -> None:
    assert "Orders to mart on etl-pool: completed" in first_start, first_start
    assert re.search(r"Order facts +completed +2223 +2223", first_start)
    assert f"{up.web}/admin/" in first_start
    assert re.search(r"Sign in +admin / \S+ +\(shown only this once\)", first_start)


def test_the_printed_password_opens_the_admin(first_start: str, up: Up) -> None:
    password = re.search(r"admin / (\S+)", first_start)
    assert password
    with httpx.Client(base_url=up.web, follow_redirects=True) as browser:
        browser.get("/admin/login/")
        form = {
            "username": "admin",
            "password": password[1],
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            "next": "/admin/workflows/workflow/",
        }
        page = browser.post("/admin/login/", data=form, headers={"Referer": up.web})
    assert "Order scores (large graph)" in page.text


@pytest.mark.usefixtures("first_start")
def test_commands_beside_it_need_no_settings(up: Up) -> None:
    code = "from workflows.models import Workflow as W; print(W.objects.count(), 'workflows')"
    assert "3 workflows" in up.manage("shell", "--no-imports", "-c", code).stdout


@pytest.mark.usefixtures("first_start")
def test_a_large_graph_goes_to_the_high_memory_pool(up: Up) -> None:
    code = (
        "from workers.models import PoolAssignment as P;"
        "print(P.objects.get(workflow__name__startswith='Order scores').pool.name)"
    )
    assert up.manage("shell", "--no-imports", "-c", code).stdout.strip() == "high-memory-pool"


@pytest.mark.usefixtures("first_start")
def test_the_sample_that_fails_says_why_and_leaves_the_target_alone(up: Up) -> None:
    code = (
        "from flowadmin.bootstrap import samples; from workflows.models import Workflow as W;"
        "from workflows.models import Connection as C;"
        "from workflows.services.connections import config_of;"
        "run = samples.run(W.objects.get(name__startswith='Contacts'));"
        "print(run.state, run.message);"
        "mart = config_of(C.objects.get(slug='sample-mart')).connect();"
        "print(mart.execute('select count(*) from contacts').fetchone()[0], 'rows')"
    )
    said = up.manage("shell", "--no-imports", "-c", code).stdout
    assert said.startswith("FAILED")
    assert "contacts" in said
    assert "email" in said
    assert "2 rows" in said


@pytest.mark.usefixtures("first_start")
def test_the_first_workflow_of_the_readme_runs_on_the_pool_of_its_receipt(up: Up) -> None:
    save, _, run = readme_commands(up)
    said = up.shell(f'{save}\necho "$TOKEN $ID"')
    token, workflow = said.splitlines()[-1].split()
    with httpx.Client(
        base_url=f"{up.web}/api/v1/workflows/{workflow}",
        headers={"Authorization": f"Bearer {token}"},
    ) as api:
        registration: dict[str, Any] = {}

        def is_registered() -> bool:
            registration.update(api.get("/").json()["registration"])
            return bool(registration["state"] == "registered")

        wait_for("it is registered", is_registered)
        up.shell(f"TOKEN={token} ID={workflow}\n{save.splitlines()[1]}\n{run}")
        wait_for("its run completes", lambda: latest_run(api)["state"] == "COMPLETED")
        assert latest_run(api)["work_pool"] == registration["receipt"]["rule"]["pool"]
    count = "select count(*) from {} where quantity * unit_price > 500"
    assert up.count("sample-mart", count.format("large_orders")) > 0
    assert up.count("sample-mart", "select count(*) from large_orders") == up.count(
        "sample-shop", count.format("orders")
    )


@pytest.mark.usefixtures("first_start")
def test_a_second_one_in_the_same_home_is_refused(up: Up) -> None:
    assert up.process is not None
    refused = up.manage("up")
    assert refused.returncode == 1
    assert f"process {up.process.pid} at {up.web}" in refused.stderr


@pytest.mark.usefixtures("first_start")
def test_a_taken_port_is_named_with_its_setting(up: Up, tmp_path: Path) -> None:
    refused = up.manage("up", FLOWADMIN_HOME=str(tmp_path))
    assert refused.returncode == 1
    assert re.search(r"port \d+ for \w+ is taken .* set FLOWADMIN_\w+_PORT", refused.stderr)


@pytest.mark.usefixtures("first_start")
def test_previews_are_ready_before_anybody_asks(up: Up) -> None:
    assert any("engine.previews.previewer" in command_of(process) for process in up.family())


@pytest.mark.usefixtures("first_start")
def test_a_killed_part_comes_back(up: Up) -> None:
    def celery() -> psutil.Process | None:
        found = [p for p in up.family()[1:] if "flowadmin.celery:app" in command_of(p)]
        return found[0] if found else None

    killed = celery()
    assert killed
    killed.kill()
    wait_for("a new celery", lambda: (now := celery()) is not None and now.pid != killed.pid)


@pytest.mark.usefixtures("first_start")
def test_killing_the_supervisor_leaves_nothing_and_a_second_start_repeats_nothing(up: Up) -> None:
    up.stop(signal.SIGKILL)
    said = up.start()
    assert "Sign in   as before" in said
    assert "Orders to mart on" not in said
    assert "assets" not in said
    assert httpx.get(f"{up.web}/admin/login/").status_code == 200
    assert up.stop(signal.SIGTERM) < 15
    assert up.process is not None
    assert up.process.returncode == 0
