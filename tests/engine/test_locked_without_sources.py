from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from engine.connections import Connections
from engine.plan import PlanConnection
from engine.registry import connectors
from engine.sandbox import Sandbox


@pytest.fixture
def connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connections:
    """Those of a run that only writes files."""
    monkeypatch.setenv("FLOWADMIN_FILE_ROOTS", str(tmp_path))
    connection = PlanConnection(connector="files", options={"root": str(tmp_path)})
    return Connections(
        {"exchange": connection},
        readers={},
        run_id="r",
        secrets=lambda connection: {},
        connectors=connectors(),
    )


def test_a_run_that_reads_no_connection_is_confined_to_its_folders(
    connections: Connections, tmp_path: Path
) -> None:
    sandbox = Sandbox(memory_limit_mb=256)
    connections.lock_when_complete(sandbox)
    sandbox.database.execute(f"COPY (SELECT 1) TO '{tmp_path}/x.csv'")
    with pytest.raises(duckdb.PermissionException):
        sandbox.database.execute("SELECT * FROM read_text('/etc/hostname')")
    sandbox.close()
