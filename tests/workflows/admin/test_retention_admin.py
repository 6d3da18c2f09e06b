from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from factories import RunFactory, TeamFactory, WorkflowFactory

from workflows.models import RetentionPolicy, Role, RunState

pytestmark = pytest.mark.django_db

OUTDATED = "/ui/retention/outdated/"
LIST = "/admin/workflows/retentionpolicy/"


@pytest.fixture
def old_runs(team):
    at = timezone.now() - timedelta(days=100)
    for owner in (team, TeamFactory(name="Elsewhere")):
        RetentionPolicy.objects.create(team=owner, runs_kept=1)
        workflow = WorkflowFactory(team=owner)
        RunFactory.create_batch(
            3, workflow=workflow, state=RunState.FAILED, created_at=at, ended_at=at
        )


def test_the_page_shows_what_would_go_in_ones_own_team(as_role, root, old_runs):
    admin = as_role(Role.ADMIN)
    assert f'hx-get="{OUTDATED}"' in admin.get(LIST).content.decode()
    own = admin.get(OUTDATED).content.decode()
    assert "Shop" in own
    assert "Elsewhere" not in own
    assert "Elsewhere" in root.get(OUTDATED).content.decode()


def test_who_may_not_see_policies_may_not_see_what_goes(editor, old_runs):
    assert editor.get(OUTDATED).status_code == 403


def test_policies_are_changed_by_superusers_only(as_role, root, team):
    body = {"team": team.pk, "run_days": 5, "runs_kept": 2}
    body |= {"log_days": 3, "message_days": 9, "audit_days": 99}
    assert as_role(Role.ADMIN).post(f"{LIST}add/", body).status_code == 403
    root.post(f"{LIST}add/", body)
    assert RetentionPolicy.objects.get().run_days == 5
