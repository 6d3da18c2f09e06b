from __future__ import annotations

from pathlib import Path

import pytest

from flowadmin.supervisor import assets


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder inside the repository, as it is by default."""
    monkeypatch.setattr(assets, "_REPOSITORY", tmp_path)
    (tmp_path / "requirements.txt").write_text("django\n")
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "own.css").write_text("a {}")
    (tmp_path / ".flowadmin" / "static").mkdir(parents=True)
    return tmp_path / ".flowadmin"


def collect(home: Path) -> None:
    assets.remember(home)
    (home / "static" / "own.css").write_text("a {}")


def test_what_was_collected_is_not_collected_again(home: Path) -> None:
    assert not assets.are_collected(home)
    collect(home)
    assert assets.are_collected(home)


def test_a_changed_file_is_collected_again(home: Path) -> None:
    collect(home)
    (home.parent / "static" / "new.css").write_text("b {}")
    assert not assets.are_collected(home)
