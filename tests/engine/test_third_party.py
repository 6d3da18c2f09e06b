"""The example package under docs/ is installed, found, and passes its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "flowadmin-kind-mask"


@pytest.mark.slow
def test_the_example_of_a_kind_is_installed_found_and_passes_its_own_tests(tmp_path: Path) -> None:
    python, place = sys.executable, tmp_path / "installed"
    source = tmp_path / "source"
    subprocess.run(["cp", "-r", str(EXAMPLE), str(source)], check=True)
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
    pip = [python, "-m", "pip", "install", *offline, "--target", str(place), str(source)]
    subprocess.run(pip, check=True)
    path = f"{place}{os.pathsep}{ROOT}"
    environment = {**os.environ, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    # From elsewhere, so that neither our conftest nor our settings of pytest are found.
    tests = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(source / "tests")]
    ran = subprocess.run(tests, cwd=source, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout
