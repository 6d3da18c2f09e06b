"""A server that speaks MongoDB's protocol: mongo-java-server, fetched once and kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.request
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from flowadmin.embedded.part import Part

_REPOSITORY = "https://repo1.maven.org/maven2"
_PROGRAM = Path(__file__).with_name("mongodb") / "Server.java"
#: Path in the repository → SHA-256.
_JARS = {
    "de/bwaldvogel/mongo-java-server-core/1.47.0/mongo-java-server-core-1.47.0.jar": (
        "9a34c9ad6ac6261906295481838256033ec1efc8c93a3e3828e5d47a006b0bd4"
    ),
    "de/bwaldvogel/mongo-java-server-memory-backend/1.47.0/"
    "mongo-java-server-memory-backend-1.47.0.jar": (
        "82864f8a2ede1514f64c2cd3a70e8022c259eb3d78975cfa208c1668ac1f12bb"
    ),
    "io/netty/netty-buffer/4.2.2.Final/netty-buffer-4.2.2.Final.jar": (
        "4820eeb2d3db269b20b30711e3d7d21979664249aaf10fc67f90dee935810747"
    ),
    "io/netty/netty-codec-base/4.2.2.Final/netty-codec-base-4.2.2.Final.jar": (
        "76987614ccb2fda7d3292b69ba5b61351f30e91bf5c7d8fa4b51bc32c9f67456"
    ),
    "io/netty/netty-common/4.2.2.Final/netty-common-4.2.2.Final.jar": (
        "5d022f3acad74cb0f195f60213500a4000d1340e5e941edaf1a0e756686b9bae"
    ),
    "io/netty/netty-handler/4.2.2.Final/netty-handler-4.2.2.Final.jar": (
        "d4ef582c78125457baa0cfa52992b5fb1bb9172d1a2c03b726e8b26e17d3fe2c"
    ),
    "io/netty/netty-resolver/4.2.2.Final/netty-resolver-4.2.2.Final.jar": (
        "fa7841ffe2e39d52251814fb8560d6936b10ae7c67453ee50426b83fd5170ba0"
    ),
    "io/netty/netty-transport/4.2.2.Final/netty-transport-4.2.2.Final.jar": (
        "116d766a1af4722fe76a4cdaed969644985d44e08ec1337d2dbab697dd109603"
    ),
    "io/netty/netty-transport-native-unix-common/4.2.2.Final/"
    "netty-transport-native-unix-common-4.2.2.Final.jar": (
        "aa8821a7ea2ca47f62740bd1f37d67deb97824cc77e76dde6ae2c439a923fc9d"
    ),
    "org/slf4j/slf4j-api/2.0.17/slf4j-api-2.0.17.jar": (
        "7b751d952061954d5abfed7181c1f645d336091b679891591d63329c622eb832"
    ),
}


def server(port: int) -> Part:
    """The server, which keeps everything in memory."""
    java = shutil.which("java")
    if not java:
        raise FileNotFoundError("no java on PATH: install a JDK, 17 or newer")
    jars = [str(_fetched(path, digest)) for path, digest in _JARS.items()]
    return Part(
        name="mongodb",
        command=(java, "-Xmx512m", "-cp", os.pathsep.join(jars), str(_PROGRAM), str(port)),
        is_ready=lambda: _answers(url(port)),
    )


def url(port: int) -> str:
    return f"mongodb://127.0.0.1:{port}"


def _fetched(path: str, digest: str) -> Path:
    """A jar in the user's cache folder; it is loaded, and checked, when it is not there."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    kept = Path(home) / "flowadmin" / path.rpartition("/")[2]
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(f"{_REPOSITORY}/{path}", timeout=60) as answer:
            content = answer.read()
        found = hashlib.sha256(content).hexdigest()
        if found != digest:
            raise RuntimeError(f"{path} has the hash {found}, expected {digest}")
        draft = kept.with_suffix(f".{os.getpid()}")
        draft.write_bytes(content)
        draft.rename(kept)
    return kept


def _answers(url: str) -> bool:
    try:
        with MongoClient(url, serverSelectionTimeoutMS=500) as client:
            return bool(client.admin.command("ping"))
    except PyMongoError:
        return False
