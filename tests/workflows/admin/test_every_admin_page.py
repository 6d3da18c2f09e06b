from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse
from factories import (
    ApiTokenFactory,
    ConnectionFactory,
    MembershipFactory,
    PoolAssignmentFactory,
    RegistrationFactory,
    RunFactory,
    UserFactory,
    VersionFactory,
    WorkerSeenFactory,
    WorkflowFactory,
)

from workflows.models import RegistrationOutbox, Role
from workflows.pages.navigation import sidebar

pytestmark = pytest.mark.django_db

MAKE = {
    "auth.user": lambda: UserFactory(password=None),
    "workers.pool": lambda: PoolAssignmentFactory().pool,
    "workers.poolassignment": PoolAssignmentFactory,
    "workers.workerseen": WorkerSeenFactory,
    "workflows.apitoken": ApiTokenFactory,
    "workflows.connection": ConnectionFactory,
    "workflows.registration": RegistrationFactory,
    "workflows.registrationoutbox": lambda: RegistrationOutbox.objects.get(pk=WorkflowFactory().pk),
    "workflows.run": RunFactory,
    "workflows.team": lambda: MembershipFactory(user__password=None).team,
    "workflows.workflow": WorkflowFactory,
    "workflows.workflowversion": VersionFactory,
}


@pytest.mark.parametrize("label", sorted(MAKE))
def test_list_and_detail_of_every_model_open(root, label):
    row = MAKE[label]()
    name = f"admin:{label.replace('.', '_')}"
    assert root.get(reverse(f"{name}_changelist")).status_code == 200
    assert root.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200


@pytest.mark.parametrize("label", sorted(MAKE))
def test_add_pages_open_where_rows_can_be_added(root, rf, label):
    page = admin.site.get_model_admin(apps.get_model(label))
    request = rf.get("/")
    request.user = UserFactory.build(is_staff=True, is_superuser=True)
    expected = 200 if page.has_add_permission(request) else 403
    add = reverse(f"admin:{label.replace('.', '_')}_add")
    assert root.get(add).status_code == expected


def test_the_sidebar_offers_only_pages_that_open(as_role, rf, team):
    client = as_role(Role.VIEWER)
    request = rf.get("/")
    request.user = team.memberships.get().user
    links = [item["link"] for section in sidebar(request) for item in section["items"]]
    assert {client.get(link).status_code for link in links} == {200}
    assert "/admin/workflows/workflow/" in links
    assert "/admin/workflows/registrationoutbox/" not in links


def test_a_user_without_a_team_sees_nothing(client):
    RunFactory(workflow__name="Orders")
    client.force_login(UserFactory(password=None, is_staff=True))
    home = client.get("/admin/").content.decode()
    assert "Orders" not in home
    assert client.get("/admin/workflows/workflow/").status_code == 403


def test_home_counts_what_needs_attention(root, team):
    registration = RegistrationFactory(workflow__team=team)
    registration.state = "failed"
    registration.save()
    RunFactory(workflow=registration.workflow, state="FAILED", name="brisk-otter")
    text = root.get("/admin/").content.decode()
    assert "<strong>1</strong> Failed in 24 hours" in text
    assert "<strong>1</strong> Registrations failed" in text
    assert registration.workflow.name in text


def test_every_empty_list_says_what_it_is_for():
    silent = {
        model._meta.label
        for model, page in admin.site._registry.items()
        if not getattr(page, "empty_hint", "")
    }
    assert not silent


def test_without_a_policy_the_page_says_how_long_things_are_kept(root):
    page = root.get(reverse("admin:workflows_retentionpolicy_changelist")).content.decode()
    assert "runs stay 90 days" in page
