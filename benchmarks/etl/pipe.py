"""The baseline: two psql and a pipe between them."""

from __future__ import annotations

import subprocess

from benchmarks.etl import lineitem
from benchmarks.etl.cost import Client, waited
from benchmarks.etl.server import Server


def psql_pipe(server: Server, target: str) -> Client:
    """The job by two psql; ``target`` is the database that it writes to."""
    out = f"copy ({lineitem.select()}) to stdout (format binary)"
    into = "copy lines from stdin (format binary)"
    read = subprocess.Popen(_psql(server, "source", out), stdout=subprocess.PIPE)
    assert read.stdout
    write = subprocess.Popen(
        _psql(server, target, into), stdin=read.stdout, stdout=subprocess.DEVNULL
    )
    read.stdout.close()
    return waited([read.pid, write.pid])


def _psql(server: Server, database: str, statement: str) -> list[str]:
    return [server.psql, "--no-psqlrc", "-q", "-d", server.url(database), "-c", statement]
