from __future__ import annotations

from pathlib import Path

import pytest

from flowadmin.environment import Environment
from flowadmin.supervisor.home import Home
from flowadmin.supervisor.stack import Stack

ELSEWHERE = {"prefect_api_url": "https://prefect.example.org/api"}


@pytest.mark.parametrize(("given", "is_known"), [({}, True), (ELSEWHERE, False)])
def test_only_our_own_prefects_database_is_looked_into(
    tmp_path: Path, given: dict[str, str], is_known: bool
) -> None:
    home = Home(tmp_path)
    home.make()
    runtime = Stack(home, Environment.model_construct(**given), home.secrets()).runtime()
    assert ("FLOWADMIN_PREFECT_DATABASE_URL" in runtime) == is_known
