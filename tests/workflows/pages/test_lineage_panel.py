from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from factories import MembershipFactory, UserFactory

from workflows.models import Role, Workflow
from workflows.services.tracing import trace


@pytest.fixture
def page(client: Any, registered: Workflow, settings: Any) -> Any:
    """The panel of ``registered`` as a viewer sees it."""
    # The middleware that serves static files warns of a folder that is not there.
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    user = UserFactory(is_staff=True)
    MembershipFactory(user=user, team=registered.team, role=Role.VIEWER)
    client.force_login(user)
    path = f"/ui/workflows/{registered.pk}/lineage/"
    return lambda **query: client.get(path, query).content.decode()


def test_the_panel_offers_nodes_then_columns_then_answers(page, registered):
    trace(registered.pk)
    assert "<option>keep0</option>" in page()
    assert "<option>amount</option>" in page(node="keep0")
    found = page(node="keep0", column="amount")
    assert "<td>read</td>" in found
    assert "shop: public.orders" in found


def test_nodes_stand_in_the_order_of_the_workflow_and_columns_in_that_of_their_names(
    page, registered
):
    trace(registered.pk)
    found = re.findall(r"<option[^>]*>(\w+)</option>", page(node="read"))
    assert found == ["read", "keep0", "write", "amount", "id"]


def test_the_panel_says_that_a_version_is_not_known_yet(page):
    assert "not known yet" in page()


def test_a_column_of_a_source_has_nothing_before_it(page, registered):
    trace(registered.pk)
    assert "Nothing feeds it" in page(node="read", column="id")
