"""MariaDB for tests: the machine's own, else Debian's packages, unpacked and not installed.

A server that listens on the loopback interface, speaks TLS with a certificate of its own, and
forgets everything.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Any
from urllib.parse import urlsplit

import pymysql
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pymysql.cursors import Cursor

from flowadmin.embedded import postgres_account
from flowadmin.embedded.part import Part

_PACKAGE = "mariadb-server-core"
#: Every Linux has these, and another version would break what it has.
_LEFT_OUT = re.compile(r"libc6|libgcc-s1|libstdc\+\+6")
_SETTINGS = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--character-set-server=utf8mb4",
    "--local-infile=1",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=32M",
    "--innodb-flush-log-at-trx-commit=0",
)


@dataclass(frozen=True)
class Binaries:
    """Where ``mariadbd`` is, and the folder with its ``share/mysql``."""

    server: Path
    base: Path

    @property
    def libraries(self) -> str:
        return ":".join(map(str, (self.base / "lib").glob("*-linux-gnu")))

    @property
    def tables(self) -> str:
        """SQL that makes the tables of the server itself, one statement per line or so."""
        folder = self.base / "share/mysql"
        names = ("mysql_system_tables.sql", "mysql_performance_tables.sql")
        return "".join((folder / name).read_text() for name in names)


@dataclass(frozen=True)
class MariaDb:
    """One server to be: its files are made below ``folder``."""

    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"mysql://root:{self.password}@127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        """What vouches for the server; its own, for 127.0.0.1."""
        return self.folder / "server.pem"

    def part(self) -> Part:
        """The running server; finds or fetches its binaries, which takes seconds the first time."""
        binaries = find()
        settings = {
            "basedir": binaries.base,
            "datadir": self.folder / "data",
            "port": self.port,
            "socket": self.folder / "socket",
            "log-error": self.folder / "server.log",
            "ssl-cert": self.certificate,
            "ssl-key": self.folder / "server.key",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return Part(
            name="mariadb",
            command=(str(binaries.server), "--no-defaults", *options, *_SETTINGS),
            env={"LD_LIBRARY_PATH": binaries.libraries},
            account=postgres_account.account(),
            stop_signal=SIGKILL,  # its data die with it
            prepare=lambda: self._initialise(binaries),
            is_ready=self._accepts,
        )

    def _initialise(self, binaries: Binaries) -> None:
        (self.folder / "data").mkdir(parents=True)
        _write_certificate(self.certificate, self.folder / "server.key")
        account = postgres_account.account()
        if account:
            for place in (self.folder, *self.folder.iterdir()):
                os.chown(place, account.uid, account.gid)
        lines = (
            "create database mysql;\nuse mysql;\n"
            f"{binaries.tables}\nflush privileges;\n"
            f"create user root@'127.0.0.1' identified by '{self.password}';\n"
            "grant all on *.* to root@'127.0.0.1' with grant option;\n"
        )
        subprocess.run(
            [
                str(binaries.server),
                "--no-defaults",
                "--bootstrap",
                f"--basedir={binaries.base}",
                f"--datadir={self.folder / 'data'}",
                f"--log-error={self.folder / 'server.log'}",
                *_SETTINGS,
            ],
            input=lines,
            text=True,
            check=True,
            capture_output=True,
            env={**os.environ, "LD_LIBRARY_PATH": binaries.libraries},
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )

    def _accepts(self) -> bool:
        try:
            connect(self.url).close()
        except pymysql.OperationalError:
            return False
        return True


def connect(url: str) -> pymysql.Connection[Cursor]:
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=parts.username,
        password=parts.password or "",
        database=parts.path[1:] or None,
        charset="utf8mb4",
        autocommit=True,
    )


def execute(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements; the rows of the last one."""
    with connect(url) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def find() -> Binaries:
    """The machine's server, or one that is fetched for tests and kept for the next session."""
    on_path = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin")
    if on_path:
        server = Path(on_path).resolve()
        return Binaries(server, server.parents[1])
    return unpacked(_cache() / "mariadb")


def unpacked(folder: Path) -> Binaries:
    """The server from the distribution's packages, in a folder of its own; needs no root."""
    found = Binaries(folder / "usr/sbin/mariadbd", folder / "usr")
    if not found.server.exists():
        draft = folder.with_name(f"{folder.name}-{os.getpid()}")
        packages = draft / "packages"
        packages.mkdir(parents=True)
        for package in _download(packages):
            subprocess.run(["dpkg", "-x", package, draft], check=True)
        shutil.rmtree(packages)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    return found


def _download(folder: Path) -> list[Path]:
    """Packages as files; with lists of its own where the machine's are missing or stale."""
    state, cache = folder / "state", folder / "cache"
    for place in (state / "lists/partial", cache / "archives/partial"):
        place.mkdir(parents=True)
    own = ["-o", f"Dir::State={state}", "-o", f"Dir::Cache={cache}"]
    own += ["-o", "Dir::State::status=/var/lib/dpkg/status"]
    for options in ([], own):
        if options:
            _apt(folder, "apt-get", *options, "-qq", "update")
        listed = _apt(folder, "apt-cache", *options, "depends", _PACKAGE)
        needed = re.findall(r"^ *Depends: (lib[\w.+-]+)$", listed, re.MULTILINE)
        wanted = [name for name in needed if not _LEFT_OUT.fullmatch(name)]
        _apt(folder, "apt-get", *options, "-q", "download", _PACKAGE, *wanted)
        if any(folder.glob(f"{_PACKAGE}_*.deb")):
            return list(folder.glob("*.deb"))
    raise FileNotFoundError(
        "there is no mariadbd on this machine, and no package of it could be fetched with apt-get: "
        "install MariaDB, or name a server in FLOWADMIN_TEST_MARIADB (mysql://root:…@host:port)"
    )


def _apt(folder: Path, *command: str) -> str:
    """What the program says; nothing where it is missing or fails."""
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def _cache() -> Path:
    """A folder that stays, and that the server's account can enter."""
    if os.geteuid() == 0:
        return Path("/var/cache/flowadmin")
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "flowadmin"


def _write_certificate(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.touch(mode=0o600)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
