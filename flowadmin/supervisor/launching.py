"""From a part to the command line and the environment that start it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flowadmin.embedded.part import Part

_REPOSITORY = Path(__file__).resolve().parents[2]
_LAUNCH = str(Path(__file__).with_name("launch.py"))
#: A part gets the settings it was given, and none that happen to be around.
_SETTINGS = ("PREFECT_", "FLOWADMIN_", "DATABASE_URL", "REDIS_URL", "MONGODB_URL")


def command(part: Part) -> list[str]:
    """Through ``launch.py``: as the right account, and never outliving this process."""
    uid, gid = (part.account.uid, part.account.gid) if part.account else (-1, -1)
    facts = [os.getpid(), int(part.stop_signal), uid, gid]
    return [sys.executable, "-IS", _LAUNCH, *map(str, facts), *part.command]


def variables(part: Part) -> dict[str, str]:
    """This process's environment without settings, and the part's own."""
    around = {name: text for name, text in os.environ.items() if not name.startswith(_SETTINGS)}
    return {**around, **part.env, "PYTHONUNBUFFERED": "1"}


def folder(part: Part) -> Path:
    """Where it starts: in the repository, so that ``-m`` finds our modules, if it may go there."""
    return Path("/") if part.account else _REPOSITORY
