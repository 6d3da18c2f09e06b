"""Take the pictures of docs/pages.md: ``python docs/pages/shoot.py USER PASSWORD [ADDRESS]``.

Against a FlowAdmin with the samples, each of which has run; needs Chromium.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).parent
_SIZE = {"width": 1440, "height": 900}
_CHROMIUM = "/usr/bin/chromium"


def main(user: str, password: str, address: str = "http://127.0.0.1:8000") -> None:
    with sync_playwright() as playwright:
        has_own = Path(playwright.chromium.executable_path).exists()
        chromium = playwright.chromium.launch(
            executable_path=None if has_own else _CHROMIUM, args=["--no-sandbox"]
        )
        page = chromium.new_context(base_url=address, viewport=_SIZE).new_page()
        _sign_in(page, user, password)
        for theme in ("light", "dark"):
            page.evaluate(f"localStorage.setItem('adminTheme', '\"{theme}\"')")
            for name in _each_page(page):
                page.wait_for_load_state("load")
                page.wait_for_timeout(1500)  # charts and what is loaded afterwards
                page.screenshot(path=FOLDER / f"{name}-{theme}.png")
        chromium.close()


def _sign_in(page: Page, user: str, password: str) -> None:
    page.goto("/admin/login/")
    page.fill("#id_username", user)
    page.fill("#id_password", password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")


def _each_page(page: Page) -> Iterator[str]:
    """Open one page after the other, and say what it is."""
    for name, path in (
        ("home", ""),
        ("workflows", "workflows/workflow/"),
        ("runs", "workflows/run/"),
        ("pools", "workers/pool/"),
    ):
        page.goto(f"/admin/{path}")
        yield name
    for name, path, title in (
        ("workflow", "workflows/workflow/", "Orders to mart"),
        ("pool", "workers/pool/", "etl-pool"),
        ("connection", "workflows/connection/", "Sample shop"),
    ):
        page.goto(f"/admin/{path}")
        page.locator("#result_list").get_by_role("link", name=title).first.click()
        yield name
    page.goto("/admin/workflows/run/?state__exact=FAILED")
    page.locator("#result_list tbody a").first.click()
    yield "run"
    page.goto("/admin/")
    page.keyboard.press("Control+k")
    page.locator("#search-input-command").press_sequentially("order")
    yield "palette"


if __name__ == "__main__":
    main(*sys.argv[1:])
