from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from engine.scratch import Scratch

DIES_WITH_ONE_OPEN = """
import os, signal, sys
from pathlib import Path
from engine.scratch import Scratch
print(Scratch(Path(sys.argv[1])).path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_closed_folder_is_gone(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    (scratch.path / "spill").write_text("rows")
    scratch.close()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_by_the_next_run(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DIES_WITH_ONE_OPEN, str(tmp_path)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    left = Path(killed.stdout.strip())
    assert left.exists()
    Scratch(tmp_path).close()
    assert not left.exists()


def test_the_folder_of_a_running_process_stays(tmp_path: Path) -> None:
    running = Scratch(tmp_path)
    Scratch(tmp_path).close()
    assert running.path.exists()
    running.close()
