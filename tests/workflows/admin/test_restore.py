from __future__ import annotations

import pytest
from django.urls import reverse
from factories import definition

from workflows.models import Role
from workflows.services.editing import save_definition

pytestmark = pytest.mark.django_db
SUBMIT = {"_form_submitted": "on"}


@pytest.fixture
def workflow(team, pools):
    first = save_definition(team=team, definition=definition(filters=1))
    return save_definition(team=team, definition=definition(filters=3), workflow=first)


def restore(workflow, number: int) -> str:
    version = workflow.versions.get(number=number)
    return reverse("admin:workflows_workflowversion_restore", args=[version.pk])


def test_restoring_saves_the_old_definition_as_a_new_version(editor, workflow):
    editor.post(restore(workflow, 1), SUBMIT)
    latest = workflow.versions.first()
    assert (latest.number, latest.message) == (3, "restored from version 1")
    assert latest.definition == workflow.versions.get(number=1).definition
    assert workflow.nodes.count() == 3


def test_restoring_is_asked_first(editor, workflow):
    assert "Restore" in editor.get(restore(workflow, 1)).content.decode()
    assert workflow.versions.count() == 2


def test_an_operator_cannot_restore(as_role, workflow):
    assert as_role(Role.OPERATOR).post(restore(workflow, 1), SUBMIT).status_code == 403
    assert workflow.versions.count() == 2


def test_a_version_tells_what_it_changed(editor, workflow):
    version = workflow.versions.get(number=2)
    page = editor.get(reverse("admin:workflows_workflowversion_change", args=[version.pk]))
    assert "added: filter" in page.content.decode()
