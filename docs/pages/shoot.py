"""Take the pictures of docs/pages.md: ``python docs/pages/shoot.py USER PASSWORD [ADDRESS]``.

Against a FlowAdmin with the samples, each of which has run, and a rule of alerts; needs Chromium.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).parent
_SIZE = {"width": 1440, "height": 900}
_CHROMIUM = "/usr/bin/chromium"
_LISTS = {
    "home": "",
    "workflows": "workflows/workflow/",
    "runs": "workflows/run/",
    "pools": "workers/pool/",
    "alerts": "workflows/alertrule/",
    "audit": "workflows/auditentry/",
    "retention": "workflows/retentionpolicy/",
}
#: The list, and the row to open.
_ROWS = {
    "workflow": ("workflows/workflow/", "Orders to mart"),
    "pool": ("workers/pool/", "etl-pool"),
    "connection": ("workflows/connection/", "Sample shop"),
    "alert": ("workflows/alertrule/", ""),
    "team": ("workflows/team/", ""),
}


def main(user: str, password: str, address: str = "http://127.0.0.1:8000") -> None:
    with sync_playwright() as playwright:
        has_own = Path(playwright.chromium.executable_path).exists()
        chromium = playwright.chromium.launch(
            executable_path=None if has_own else _CHROMIUM, args=["--no-sandbox"]
        )
        page = chromium.new_context(base_url=address, viewport=_SIZE).new_page()
        for theme in ("light", "dark"):
            page.context.clear_cookies()
            page.goto("/admin/login/")
            page.evaluate(f"localStorage.setItem('adminTheme', '\"{theme}\"')")
            for name in _each_page(page, user, password):
                page.wait_for_load_state("load")
                page.wait_for_timeout(2500)  # charts and what is loaded afterwards
                page.screenshot(path=FOLDER / f"{name}-{theme}.png")
        chromium.close()


def _each_page(page: Page, user: str, password: str) -> Iterator[str]:
    """Open one page after the other, and say what it is."""
    page.reload()
    yield "login"
    page.fill("#id_username", user)
    page.fill("#id_password", password)
    page.keyboard.press("Enter")
    page.locator("#home-attention").wait_for()
    for name, path in _LISTS.items():
        page.goto(f"/admin/{path}")
        yield name
    for name, (path, title) in _ROWS.items():
        page.goto(f"/admin/{path}")
        page.locator("#result_list tbody a", has_text=title).first.click()
        yield name
    yield from _parts(page)


def _parts(page: Page) -> Iterator[str]:
    """What is seen after a step on a page."""
    page.goto("/admin/workflows/workflow/")
    page.locator("#result_list").get_by_role("link", name="Orders to mart").first.click()
    page.get_by_text("Where columns come from").scroll_into_view_if_needed()
    page.locator("#lineage").wait_for()
    page.locator("#lineage").evaluate("panel => panel.scrollIntoView({block: 'center'})")
    yield "lineage"
    page.goto(page.url.partition("change/")[0] + "logs/")
    yield "logs"
    page.goto("/admin/workflows/run/?state__exact=FAILED")
    page.locator("#result_list tbody a").first.click()
    yield "run"
    page.goto("/admin/")
    page.keyboard.press("Control+k")
    page.locator("#search-input-command").press_sequentially("order")
    yield "palette"


if __name__ == "__main__":
    main(*sys.argv[1:])
