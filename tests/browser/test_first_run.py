"""The main job on a whole stack, with Prefect and a worker, as somebody new would do it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import Browser, Page, expect

from flowadmin.embedded.part import free_port
from flowadmin.environment import BASE_DIR

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("up")]
_PARTS = ("POSTGRES", "REDIS", "PREFECT", "WEB")
_MINUTES = 3 * 60_000


@pytest.fixture(scope="module")
def said() -> Iterator[str]:
    """What ``manage.py up`` says in an empty home, until it is ready."""
    with TemporaryDirectory(prefix="flowadmin-browser-") as home:
        Path(home).chmod(0o755)  # PostgreSQL's account must be able to enter.
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        ports = {f"FLOWADMIN_{name}_PORT": str(free_port()) for name in _PARTS}
        where = {"FLOWADMIN_HOME": home, "FLOWADMIN_ENV_FILE": os.devnull}
        stack = subprocess.Popen(
            [sys.executable, BASE_DIR / "manage.py", "up"],
            env={**keep, **ports, **where},
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        yield _until_ready(stack)
        stack.terminate()
        stack.communicate()


def _until_ready(stack: subprocess.Popen[str]) -> str:
    assert stack.stdout is not None
    said = []
    for line in stack.stdout:
        said.append(line)
        if "Stop      Ctrl-C" in line:
            return "".join(said)
    pytest.fail("it ended:\n" + "".join(said[-60:]))


@pytest.fixture
def login(browser: Browser, said: str) -> Iterator[Page]:
    """The login form, as the first visitor sees it."""
    address = re.search(r"http://127\.0\.0\.1:\d+(?=/admin)", said)
    assert address
    context = browser.new_context(base_url=address.group())
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto("/admin/")
    yield page
    context.close()


def sign_in(page: Page, said: str) -> None:
    """With the name and password that the terminal shows; the Enter key is no click."""
    found = re.search(r"Sign in +(\S+) / (\S+)", said)
    assert found, said
    page.fill("#id_username", found.group(1))
    page.fill("#id_password", found.group(2))
    page.keyboard.press("Enter")
    expect(page.locator("#home-attention")).to_be_visible()


def open_workflow(page: Page, name: str) -> None:
    page.goto("/admin/workflows/workflow/")
    page.locator("#result_list").get_by_role("link", name=name).first.click()


def run_now(page: Page) -> None:
    page.get_by_role("link", name="Run now").first.click()
    page.locator("#dialog").get_by_role("button", name="Run now").click()
    page.wait_for_url("**/workflows/run/**")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on what is called so."""
    for _ in range(150):
        focused = page.evaluate("document.activeElement.innerText || document.activeElement.value")
        if focused and focused.strip().endswith(name):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"no Tab leads to '{name}'")


def test_the_first_login_leads_to_a_green_run_in_three_clicks(login: Page, said: str) -> None:
    sign_in(login, said)
    login.locator("#home-lists").get_by_role("link", name="Orders to mart").first.click()
    login.get_by_role("link", name="Run now").first.click()
    login.locator("#dialog").get_by_role("button", name="Run now").click()
    login.wait_for_url("**/workflows/run/**")
    expect(login.locator("#run-summary")).to_contain_text("Completed", timeout=_MINUTES)
    expect(login.locator(".log-row", has_text="ended:").first).to_be_visible()


def test_the_cause_of_the_failing_sample_is_two_clicks_from_home(login: Page, said: str) -> None:
    sign_in(login, said)
    open_workflow(login, "Contacts without email")
    run_now(login)
    expect(login.locator("#run-summary")).to_contain_text("Failed", timeout=_MINUTES)
    login.goto("/admin/")
    login.get_by_role("link", name="Failed in 24 hours").click()
    login.locator("#result_list").get_by_role("link", name="Failed").first.click()
    expect(login.get_by_role("alert")).to_contain_text("column 'email' refused the rows")
    expect(login.locator(".log-row", has_text="stack, the cause first:").first).to_be_visible()
    login.get_by_text("Where in the code").click()
    expect(login.locator("#run-stack pre")).to_contain_text("engine.errors.StepFailed")


def test_keys_alone_log_in_and_run_a_workflow(login: Page, said: str) -> None:
    sign_in(login, said)
    login.keyboard.press("g")
    login.keyboard.press("w")
    login.wait_for_url("**/workflows/workflow/")
    tab_to(login, "Orders to mart")
    login.keyboard.press("Enter")
    login.wait_for_url("**/change/**")
    login.keyboard.press("r")
    expect(login.locator("#dialog :focus")).to_be_visible()
    tab_to(login, "Run now")
    login.keyboard.press("Enter")
    login.wait_for_url("**/workflows/run/**")
    expect(login.locator("#run-summary")).to_contain_text("Completed", timeout=_MINUTES)
