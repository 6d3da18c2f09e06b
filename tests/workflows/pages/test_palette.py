from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from factories import (
    ConnectionFactory,
    MembershipFactory,
    TeamFactory,
    UserFactory,
    WorkflowFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(settings):
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    return MembershipFactory(user=UserFactory(is_staff=True))


def search(member, term: str) -> str:
    client = Client()
    client.force_login(member.user)
    return client.get("/admin/search/", {"s": term, "extended": 1}).content.decode()


def test_pages_workflows_and_connections_are_found_by_part_of_their_name(member):
    WorkflowFactory(team=member.team, name="Nightly orders")
    ConnectionFactory(team=member.team, name="Orders database")
    assert "Nightly orders" in search(member, "ORDER")
    assert "Orders database" in search(member, "order")
    assert "/admin/workflows/run/" in search(member, "runs")


def test_what_another_team_has_is_not_found(member):
    WorkflowFactory(team=TeamFactory(), name="Payroll")
    assert "No results" in search(member, "payroll")


def test_a_name_is_gone_as_soon_as_its_team_is_left(member):
    WorkflowFactory(team=member.team, name="Payroll")
    assert "Payroll" in search(member, "payroll")
    member.delete()
    assert "Payroll" not in search(member, "payroll")


def test_few_of_many_workflows_are_listed(member):
    WorkflowFactory.create_batch(20, team=member.team, name="Batch")
    assert search(member, "batch").count('class="group"') == 8


def test_no_term_finds_nothing(member):
    assert search(member, " ") == ""
