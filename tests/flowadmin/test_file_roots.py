"""What an operator allows reaches whoever opens files, and nothing else does."""

from __future__ import annotations

from pathlib import Path

from engine.warm.run import scrubbed
from flowadmin.environment import Environment
from flowadmin.supervisor.home import Home
from flowadmin.supervisor.stack import Stack


def test_every_part_that_connects_knows_what_is_allowed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make()
    given = Environment.model_construct(
        flowadmin_file_roots="/srv/exchange", flowadmin_internal_hosts="10.0.0.0/8"
    )
    parts = {part.name: part for part in Stack(home, given, home.secrets()).parts()}
    for name in ("web", "celery", "worker"):
        assert parts[name].env["FLOWADMIN_FILE_ROOTS"] == "/srv/exchange"
        assert parts[name].env["FLOWADMIN_INTERNAL_HOSTS"] == "10.0.0.0/8"


def test_a_run_keeps_the_allowed_folders_and_loses_the_keys() -> None:
    around = {"FLOWADMIN_FILE_ROOTS": "/srv/exchange", "FLOWADMIN_SECRET_KEYS": "secret"}
    assert scrubbed(around) == {"FLOWADMIN_FILE_ROOTS": "/srv/exchange"}
