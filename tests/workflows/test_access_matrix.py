"""Every address, method and role, compared with ``access_matrix.csv``.

The cells of the table: ``in`` (let in), ``login`` (asked to log in), ``denied`` (403),
``absent`` (404, as for an id that nobody has), ``method`` (405). A new address fails here
until somebody has decided who may enter, and has written it down in the table.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from access_world import MARK, VISITORS, World, addresses, make_world, met_with, methods_of
from django.core.cache import cache
from factories import WorkflowFactory

from workers.prefect.memory import InMemoryGateway

TABLE = Path(__file__).with_name("access_matrix.csv")


#: Finds the team's rows where one may search them.
PART = MARK[:-1]


def rows() -> dict[tuple[str, str], dict[str, str]]:
    """(method, address) → visitor → what they meet; a row may name several methods."""
    with TABLE.open(newline="") as file:
        return {
            (method, row["address"]): {visitor: row[visitor] for visitor in VISITORS}
            for row in csv.DictReader(file)
            for method in row["methods"].split()
        }


EXPECTED = rows()
ASKED = [(method, address) for address in addresses() for method in methods_of(address)]


@pytest.fixture
def world(prefect: InMemoryGateway, settings: Any) -> World:
    # The middleware that serves static files warns of a folder that is not there.
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    cache.clear()
    return make_world()


@pytest.mark.django_db
def test_everyone_meets_what_the_table_says(world, subtests):
    for method, address in ASKED:
        with subtests.test(f"{method} {address}"):
            met = {visitor: met_with(world.ask(visitor, method, address)) for visitor in VISITORS}
            row = ",".join([address, method, *met.values()])
            assert (method, address) in EXPECTED, f"there is no row; it answers {row}"
            assert met == EXPECTED[method, address]


def test_the_table_has_no_row_for_an_address_that_is_gone():
    assert set(EXPECTED) <= set(ASKED)


@pytest.mark.django_db
def test_what_another_team_has_is_as_absent_as_what_nobody_has(world, subtests):
    for (method, address), row in EXPECTED.items():
        if row["stranger"] == "absent":
            with subtests.test(f"{method} {address}"):
                theirs = world.ask("stranger", method, address)
                nobodys = world.of_nobody().ask("stranger", method, address)
                assert (theirs.status_code, theirs.content) == (404, nobodys.content)


@pytest.mark.django_db
def test_no_page_tells_another_team_anything(world, subtests):
    for (method, address), row in EXPECTED.items():
        if method == "GET" and row["stranger"] == "in":
            with subtests.test(address):
                answer = world.ask("stranger", "GET", address)
                assert MARK not in answer.content.decode().lower()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [
        f"/api/v1/workflows/?search={PART}",
        f"/api/v1/connections/?team={MARK}",
        f"/admin/workflows/workflow/?q={PART}",
        "/admin/workflows/run/?workflow__team__id__exact={team}",
        f"/admin/search/?s={PART}",
    ],
)
def test_no_query_tells_another_team_anything(world, query):
    path = query.format(team=world.team.pk)
    answer = world.send("stranger", "GET", path)
    assert answer.status_code == 200
    assert MARK not in answer.content.decode().lower()


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["", "logs"])
def test_a_run_is_not_found_under_another_workflow(world, address):
    other = WorkflowFactory(team=world.team)
    path = f"/api/v1/workflows/{other.pk}/runs/{world.values['run_id']}/{address}"
    assert world.send("viewer", "GET", path).status_code == 404


PROTECTED = [
    "/api/v1/workflows/<workflow_id>/",
    "/api/v1/workflows/<workflow_id>/runs/<run_id>/logs",
    "/api/v1/connections/",
    "/admin/workflows/workflow/",
    "/admin/workflows/connection/<object_id>/change/",
    "/ui/runs/<run_id>/log/lines/",
]
TRICKS = [
    "{}/health",
    "{}../health",
    "{}.json",
    "{}/.svg",
    "{}//",
    "{}%2f",
    "{};x",
    "{}.",
    "{}%00",
    "{}?format=json",
    "/health/..{}",
    "/static/..{}",
    "/admin/login/..{}",
]


@pytest.mark.django_db
@pytest.mark.parametrize("address", PROTECTED)
@pytest.mark.parametrize("trick", [*TRICKS, "upper case"])
def test_no_trick_with_an_address_gets_in(world, client, address, trick):
    path = world.path(address)
    tried = path.upper() if trick == "upper case" else trick.format(path)
    answer = client.get(tried, follow=True)
    end = answer.redirect_chain[-1][0] if answer.redirect_chain else ""
    assert answer.status_code in (401, 404) or end.startswith("/admin/login/")
    assert MARK not in answer.content.decode().lower().replace(tried.lower(), "")
