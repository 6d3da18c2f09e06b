"""A password in a connection, and every place where it must not turn up."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from access_world import NOWHERE, World, addresses, make_world, met_with
from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.db import connection
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from factories import ConnectionFactory, definition

from engine.errors import ConnectorError
from workers.prefect.memory import InMemoryGateway
from workflows import registration
from workflows.models import Connection, WorkflowVersion
from workflows.services import connections

pytestmark = pytest.mark.django_db
CANARY = "tweet-5ecret-canary"


@pytest.fixture
def world(prefect: InMemoryGateway, settings: Any) -> World:
    # The middleware that serves static files warns of a folder that is not there.
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    cache.clear()
    made = make_world()
    connections.save_secrets(made.rows["workflows.connection"], {"password": CANARY})  # type: ignore[arg-type]
    return made


@pytest.fixture
def guarded_shop(shop: Connection, postgres_server: str) -> Iterator[Connection]:
    """``shop`` with a login of its own, whose password is the canary."""
    role = f"canary_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f"create role {role} superuser login password '{CANARY}'")
        shop.options["user"] = role
        shop.secrets = {"password": CANARY}
        shop.save()
        yield shop
        admin.execute(f"drop role {role}")


def text_of(answer: HttpResponseBase) -> str:
    """What a visitor reads; a download is sent in pieces."""
    if not isinstance(answer, StreamingHttpResponse):
        return answer.content.decode()

    async def pieces() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return async_to_sync(pieces)().decode()


@pytest.mark.parametrize("visitor", ["viewer", "admin"])
def test_no_address_answers_with_it(world, visitor):
    asked = [address for address in addresses() if address != "/api/v1/schema"]
    answers = {address: world.ask(visitor, "GET", address) for address in asked}
    shown = [a for a, answer in answers.items() if CANARY in text_of(answer)]
    assert shown == []
    assert met_with(answers["/api/v1/connections/<slug>/"]) == "in"


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("PUT", "/api/v1/connections/<slug>/"),
        ("POST", "/api/v1/connections/<slug>/test"),
        ("POST", "/admin/workflows/connection/<object_id>/test_connection/"),
        ("POST", "/admin/workflows/connection/<object_id>/change/"),
    ],
)
def test_no_act_on_the_connection_answers_with_it(world, method, address):
    answer = world.ask("admin", method, address)
    assert met_with(answer) == "in"
    assert CANARY not in text_of(answer)


def test_a_connect_that_fails_does_not_name_it(caplog):
    away = ConnectionFactory(options=NOWHERE, secrets={"password": CANARY})
    with pytest.raises(ConnectorError) as failure:
        connections.test(away)
    assert CANARY not in f"{failure.value} {failure.value.__cause__!r} {caplog.text}"


def test_prefect_and_the_versions_hold_it_sealed_or_not_at_all(guarded_shop, save, prefect):
    workflow = save(definition())
    assert registration.register(workflow.pk) == "registered"
    (spec,) = prefect.specs.values()
    assert '"sealed"' in json.dumps(spec.parameters)
    assert CANARY not in json.dumps(spec.parameters)
    assert CANARY not in json.dumps(list(WorkflowVersion.objects.values()), default=str)


def test_the_database_holds_it_encrypted(world):
    with connection.cursor() as cursor:
        cursor.execute("select convert_from(secrets, 'latin1') from workflows_connection")
        stored = cursor.fetchone()[0]
    assert stored
    assert CANARY not in stored
