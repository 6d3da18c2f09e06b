from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def static_root(settings):
    """The middleware that serves static files warns of a folder that is not there."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
