"""A Chromium for the tests: the machine's, Playwright's own, or one installed now."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from playwright.sync_api import Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Shared memory is small in containers, and root has no user namespaces of its own.
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def executable(playwright: Playwright) -> str:
    """Path of a Chromium. Raises RuntimeError, which says how to get one."""
    return _found(playwright) or _installed()


def _found(playwright: Playwright) -> str:
    bundled = playwright.chromium.executable_path
    if Path(bundled).exists():
        return bundled
    return next((path for name in _NAMES if (path := shutil.which(name))), "")


def _installed() -> str:
    """Debian's, where we may install packages."""
    tried = "it takes root to install it here"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        tried = _apt("update") or _apt("install", "--yes", "--no-install-recommends", "chromium")
        if path := shutil.which("chromium"):
            return path
    raise RuntimeError(
        f"no Chromium on this machine ({tried}); expected one of {', '.join(_NAMES)}; "
        "install one, or run 'playwright install --with-deps chromium'"
    )


def _apt(*arguments: str) -> str:
    """What went wrong, or nothing."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["apt-get", "-qq", *arguments], env=env, capture_output=True, text=True, check=False
    )
    return done.stderr.strip()[-500:] if done.returncode else ""
