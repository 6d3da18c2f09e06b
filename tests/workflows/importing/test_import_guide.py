from __future__ import annotations

from pathlib import Path

import pytest

from workflows.services.importing.legacy import codes

GUIDE = (Path(__file__).parents[3] / "docs" / "import.md").read_text()


@pytest.mark.parametrize("code", [name for name in dir(codes) if name[:2] in ("E_", "W_")])
def test_every_code_stands_in_the_guide(code):
    assert f"`{code}`" in GUIDE
