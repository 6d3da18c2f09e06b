from __future__ import annotations

from pathlib import Path

import pytest
from exchange import Exchange


@pytest.fixture
def exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """A folder that this host's operator allows."""
    monkeypatch.setenv("FLOWADMIN_FILE_ROOTS", f"/nonexistent:{tmp_path}")
    (tmp_path / "exchange").mkdir()
    return Exchange(tmp_path / "exchange")
