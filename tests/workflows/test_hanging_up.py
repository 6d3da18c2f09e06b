"""Who asks for a preview may hang up; then nothing goes on, through the real web server."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import psycopg
import pytest
from factories import definition
from waiting import wait_for

from workflows.models import Connection, Role
from workflows.services import tokens

pytestmark = pytest.mark.django_db(transaction=True)

#: Seconds; the most that a preview may ask for.
LIMIT = 60
NAP = "create function nap() returns int language sql as 'select 1 from pg_sleep(600)'"
NAPPING = (
    "select count(*) from pg_stat_activity where query like '%nap()%' and state = 'active' "
    "and pid <> pg_backend_pid()"
)


@pytest.fixture
def asked(site: str, shop: Connection, shop_url: str) -> socket.socket:
    """The connection over which a preview was asked for that takes as long as it may."""
    given = definition().model_dump(mode="json")
    given["nodes"][0]["config"] = {"connection": "shop", "sql": "select nap() as amount"}
    question = {"team": shop.team.slug, "definition": given, "node": "read"}
    body = json.dumps({**question, "seconds": LIMIT}).encode()
    token = tokens.create(team=shop.team, name="t", role=Role.EDITOR)[1]
    with psycopg.connect(shop_url) as connection:
        connection.execute(NAP)
    address = urlsplit(site)
    made = socket.create_connection((address.hostname, address.port))
    head = (
        "POST /api/v1/preview HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    made.sendall(head.encode() + body)
    return made


def test_a_preview_ends_when_its_client_hangs_up(asked: socket.socket, shop_url: str) -> None:
    with psycopg.connect(shop_url, autocommit=True) as connection:
        wait_for("the query", lambda: connection.execute(NAPPING).fetchone() == (1,))
        asked.close()
        # Well before the preview would be stopped for its time.
        wait_for("its end", lambda: connection.execute(NAPPING).fetchone() == (0,), LIMIT / 2)
