from __future__ import annotations

from workflows.models import Role
from workflows.services.tracing import trace


def test_a_viewer_asks_what_feeds_a_column(registered, make_client):
    trace(registered.pk)
    viewer = make_client(Role.VIEWER, registered.team)
    query = {"node": "write", "column": "id"}
    body = viewer.get(f"workflows/{registered.pk}/lineage", **query).json()
    assert [(c["node"], c["column"], c["distance"]) for c in body["columns"]] == [
        ("keep0", "id", 1),
        ("read", "id", 2),
    ]
    assert body["columns"][1]["table"] == "shop: public.orders"
    assert body["columns"][1]["via"]["node"] == "keep0"


def test_a_version_that_was_not_looked_at_yet_says_so(registered, make_client):
    viewer = make_client(Role.VIEWER, registered.team)
    query = {"node": "write", "column": "id", "direction": "it_feeds"}
    body = viewer.get(f"workflows/{registered.pk}/lineage", **query).json()
    assert (body["is_traced"], body["columns"]) == (False, [])


def test_the_column_must_be_named(registered, make_client):
    viewer = make_client(Role.VIEWER, registered.team)
    answer = viewer.get(f"workflows/{registered.pk}/lineage", node="write")
    assert (answer.status_code, answer.json()["issues"][0]["field"]) == (400, "column")
