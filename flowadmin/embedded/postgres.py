"""PostgreSQL: a small server of our own, on the loopback interface.

Its files are made in a temporary folder and renamed when complete, so that an interrupted first
start leaves nothing half made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGQUIT

import psycopg

from flowadmin.embedded import postgres_account, postgres_binaries
from flowadmin.embedded.part import Account, Claim, Part
from flowadmin.embedded.postgres_binaries import Choice

#: FlowAdmin's own role: makes databases and roles, is no superuser.
ROLE = "flowadmin"
DATABASES = ("flowadmin", "prefect")
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    # The word above which start, stop and checkpoints are not worth a line.
    "log_min_messages": "fatal",
    "log_line_prefix": "",
    # Scheduling wakes often; a small server should not.
    "autovacuum_naptime": "60s",
    "max_wal_size": "512MB",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Cluster:
    """The files of one server and the passwords it was made with."""

    folder: Path
    port: int
    password: str
    choice: Choice = "auto"
    account: Account | None = None
    #: Tests do without: their data dies with them anyway.
    is_durable: bool = True

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "", role: str = ROLE) -> str:
        """The URL of a database; without one, of the server."""
        address = f"postgresql://{role}:{self.password}@127.0.0.1:{self.port}"
        return f"{address}/{database}" if database else address

    def binaries(self) -> Path:
        return postgres_binaries.find(self.choice, self.folder / "server", self.account)


def cluster(
    home: Path, port: int, password: str, choice: Choice = "auto", *, is_durable: bool = True
) -> Cluster:
    """The server of this home; as root its files may have to live outside of it."""
    account = postgres_account.account()
    folder = postgres_account.folder(home, account)
    return Cluster(folder, port, password, choice, account, is_durable)


def server(cluster: Cluster) -> Part:
    """The running server; finds or installs its binaries, which takes seconds the first time."""
    binaries = cluster.binaries()
    settings = {**_SETTINGS, **({} if cluster.is_durable else _NOT_DURABLE)}
    settings["port"] = str(cluster.port)
    options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
    return Part(
        name="postgres",
        command=(str(binaries / "postgres"), "-D", str(cluster.data), *options),
        env={"LC_ALL": "C"},
        claim=Claim(cluster.port, "FLOWADMIN_POSTGRES_PORT"),
        account=cluster.account,
        prepare=lambda: initialise(cluster, binaries),
        is_ready=lambda: _accepts(cluster),
        # Fast shutdown: ends sessions and writes a checkpoint. Immediate: writes nothing.
        stop_signal=SIGINT if cluster.is_durable else SIGQUIT,
        grace_seconds=6,
    )


def initialise(cluster: Cluster, binaries: Path) -> None:
    """Make the server's files, role and databases, once.

    Raises RuntimeError when the files are of another major version than the binaries.
    """
    if (cluster.data / "PG_VERSION").exists():
        _check_version(cluster, binaries)
        return
    _make_folder(cluster)
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=cluster.folder))
    try:
        _give(draft, cluster.account)
        _initdb(cluster, binaries, draft / "data")
        _create_databases(cluster, binaries, draft / "data")
        (draft / "data").rename(cluster.data)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check_version(cluster: Cluster, binaries: Path) -> None:
    made_by = (cluster.data / "PG_VERSION").read_text().strip()
    if made_by != str(postgres_binaries.major(binaries)):
        raise RuntimeError(
            f"the data in '{cluster.data}' are of PostgreSQL {made_by}, but the server found is "
            f"{postgres_binaries.major(binaries)}: set FLOWADMIN_POSTGRES to the one that made "
            "them (system or embedded), or move them away to start anew"
        )


def _make_folder(cluster: Cluster) -> None:
    cluster.folder.mkdir(parents=True, exist_ok=True)
    for path in (cluster.folder, cluster.folder.parent):
        if cluster.account and not postgres_account.can_enter(path, cluster.account):
            path.chmod(0o755)
    _give(cluster.folder, cluster.account)


def _give(path: Path, account: Account | None) -> None:
    if account:
        os.chown(path, account.uid, account.gid)


def _initdb(cluster: Cluster, binaries: Path, data: Path) -> None:
    password = data.parent / "password"
    password.touch(mode=0o600)
    password.write_text(cluster.password)
    _give(password, cluster.account)
    command = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8"]
    auth = ["--auth=scram-sha-256", f"--pwfile={password}", "--no-instructions"]
    auth += [] if cluster.is_durable else ["--no-sync"]
    if postgres_binaries.major(binaries) >= 17:
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        _run(cluster, [*command, *auth, *locale])
        return
    try:
        _run(cluster, [*command, *auth, "--locale=C.UTF-8"])
    except RuntimeError:
        _run(cluster, [*command, *auth, "--locale=C"])


def _create_databases(cluster: Cluster, binaries: Path, data: Path) -> None:
    """In single-user mode, before anybody can connect; one statement per line."""
    lines = [f"create role {ROLE} login createdb createrole password '{cluster.password}';"]
    for name in DATABASES:
        lines += [
            f"create database {name} owner {ROLE};",
            f"revoke connect, temporary on database {name} from public;",
        ]
    command = [str(binaries / "postgres"), "--single", "-D", str(data), "postgres"]
    _run(cluster, command, "\n".join(lines) + "\n")


def _run(cluster: Cluster, command: list[str], text: str = "") -> None:
    account = cluster.account
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd=cluster.folder,
        env={**os.environ, "LC_ALL": "C"},
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode or "ERROR:" in done.stderr:
        raise RuntimeError(f"'{Path(command[0]).name}' failed: {done.stderr.strip()[-800:]}")


def _accepts(cluster: Cluster) -> bool:
    try:
        # Asked only when the server says so itself: a refused login is a line in its log.
        if (cluster.data / "postmaster.pid").read_text().split()[-1] != "ready":
            return False
        with psycopg.connect(cluster.url("flowadmin"), connect_timeout=2):
            return True
    except (OSError, IndexError, psycopg.OperationalError):
        return False
