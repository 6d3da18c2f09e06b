"""Log viewer: a log of 100,000 lines is opened, and scrolled in Chromium by wheel and by bar.

``frame_p95_ms`` is the time from one frame to the next, beside that of a ``<pre>`` with the same
lines in a page without any style sheet, in turns. A browser moves that one by itself while its
bar is dragged, so only the wheel has a target. ``cpu_ms`` is what a frame costs the page's
thread. There is no GPU, so frames are drawn by the CPU: compare the ratios.
``first_line_ms`` is the time from the address to the first line in sight.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import mean

from playwright.sync_api import Browser, CDPSession, FloatRect, Page, sync_playwright

from benchmarks.result import Result, p95
from benchmarks.stack import serving

#: The runs beside the one whose log is looked at do not matter here.
_SHARE_OF_CROWD = 0.005
_ROUNDS = 3
_FRAMES_TARGETS = {"wheel": 1.5}
_WINDOW = {"width": 1440, "height": 900}
_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]

_FOLLOW_FRAMES = """() => {
    const times = (window.frameTimes = []);
    const frame = (at) => { times.push(at); window.frameId = requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
}"""
_FRAMES = """() => {
    cancelAnimationFrame(window.frameId);
    return window.frameTimes.slice(1).map((at, index) => at - window.frameTimes[index]);
}"""


@dataclass
class Watched:
    """A page, and the milliseconds that scrolling in it took: each frame, and CPU per frame."""

    page: Page
    session: CDPSession
    frames: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def scroll(self, by: Callable[[Page, FloatRect], None]) -> None:
        """From the top of the box."""
        self.page.bring_to_front()
        log = self.page.locator(".log")
        log.evaluate("log => { log.scrollIntoView({ block: 'center' }); log.scrollTop = 0 }")
        self.page.wait_for_load_state("networkidle")
        box = log.bounding_box()
        assert box
        before = self._cpu_ms()
        self.page.evaluate(_FOLLOW_FRAMES)
        by(self.page, box)
        frames = self.page.evaluate(_FRAMES)
        self.cpu.append((self._cpu_ms() - before) / len(frames))
        self.frames += frames
        if not log.evaluate("log => log.scrollTop"):
            raise RuntimeError("the log was not scrolled")

    def _cpu_ms(self) -> float:
        """Of the page's thread until now."""
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(one["value"] for one in metrics if one["name"] == "TaskDuration")


def measure() -> Iterator[Result]:
    with serving("postgres", "redis", "web") as address:
        path, session, lines = _long_log()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=_ARGUMENTS,
                ignore_default_args=["--hide-scrollbars"],
            )
            viewer, first_line_ms = _open_viewer(browser, address, session, path)
            yield Result("open", "first_line_ms", first_line_ms, "ms")
            yield from _compare(viewer, _open_plain(browser, lines))
            browser.close()


def _long_log() -> tuple[str, str, list[str]]:
    """Path of a run with a log of 100,000 lines, a session that may see it, and its texts."""
    from django.conf import settings
    from django.test import Client
    from django.urls import reverse

    from benchmarks.crowd import crowd, run_with_log
    from workflows.models import LogLine

    client = Client()
    client.force_login(crowd(_SHARE_OF_CROWD)["superuser"])
    run = run_with_log()
    lines = LogLine.objects.filter(run=run).order_by("id").values_list("text", flat=True)
    path = reverse("admin:workflows_run_change", args=[run.pk])
    return path, client.cookies[settings.SESSION_COOKIE_NAME].value, list(lines)


def _open_viewer(browser: Browser, address: str, session: str, path: str) -> tuple[Page, float]:
    """The page, and the milliseconds until its first line was in sight."""
    context = browser.new_context(base_url=address, viewport=_WINDOW)
    context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
    page = context.new_page()
    page.goto(path)  # fills the browser's cache
    page.locator(".log-text", has_text="read").first.wait_for()
    began = time.perf_counter()
    page.goto(path)
    page.locator(".log-text", has_text="read").first.wait_for()
    spent = 1000 * (time.perf_counter() - began)
    page.get_by_label("Follow the end").uncheck()
    page.wait_for_load_state("networkidle")
    return page, spent


def _open_plain(browser: Browser, lines: list[str]) -> Page:
    page = browser.new_context(viewport=_WINDOW).new_page()
    page.set_content(
        '<pre class="log" style="height: 30rem; overflow: auto; font: 12px/18px monospace"></pre>'
    )
    page.evaluate("text => { document.querySelector('.log').textContent = text }", "\n".join(lines))
    return page


def _compare(viewer: Page, plain: Page) -> Iterator[Result]:
    for case, by in _WAYS.items():
        ours, theirs = _watched(viewer), _watched(plain)
        for _ in range(_ROUNDS):
            ours.scroll(by)
            theirs.scroll(by)
        frames = p95(ours.frames), p95(theirs.frames)
        yield _ratio(case, "frame_p95_ms", *frames, _FRAMES_TARGETS.get(case))
        yield _ratio(case, "cpu_ms", mean(ours.cpu), mean(theirs.cpu), None)


def _watched(page: Page) -> Watched:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return Watched(page, session)


def _ratio(case: str, metric: str, ours: float, plain: float, target: float | None) -> Result:
    ratio = ours / plain
    ok = None if target is None else ratio <= target
    return Result(case, metric, ours, "ms", baseline=plain, ratio=ratio, target=target, ok=ok)


def _turn_the_wheel(page: Page, box: FloatRect) -> None:
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _ in range(100):
        page.mouse.wheel(0, 300)


def _drag_the_bar(page: Page, box: FloatRect) -> None:
    """From the thumb, which is below the bar's arrow, half the way down."""
    right, top = box["x"] + box["width"] - 8, box["y"] + 26
    page.mouse.move(right, top)
    page.mouse.down()
    page.mouse.move(right, top + box["height"] / 2, steps=100)
    page.mouse.up()


_WAYS = {"wheel": _turn_the_wheel, "scroll bar": _drag_the_bar}
