from __future__ import annotations

import pytest
from django.urls import reverse

from workflows.models import Run

pytestmark = pytest.mark.django_db
SUBMIT = {"_form_submitted": "on"}
PARAMETERS = {"limit": 5, "country": "FR", "dry": False, "rate": 0.5, "codes": ["a"]}


@pytest.fixture
def parametrized(registered):
    version = registered.registration.version
    version.definition = {**version.definition, "parameters": PARAMETERS}
    version.save()
    return registered


def ask(workflow) -> str:
    return reverse("admin:workflows_workflow_run_now", args=[workflow.pk])


def unchanged(**more) -> dict[str, str]:
    given = {"limit": "5", "country": "FR", "rate": "0.5", "codes": '["a"]', **more}
    return SUBMIT | {f"parameter_{name}": value for name, value in given.items()}


def test_the_dialog_asks_for_each_parameter_with_its_default(root, parametrized):
    page = root.get(ask(parametrized)).content.decode()
    assert 'name="parameter_limit" value="5"' in page
    assert 'type="checkbox" name="parameter_dry"' in page


def test_only_what_was_changed_is_given_to_the_run(root, parametrized):
    root.post(ask(parametrized), unchanged(limit="7", dry="on"))
    assert Run.objects.get().parameters == {"limit": 7, "dry": True}


def test_a_value_of_the_wrong_type_starts_nothing(root, parametrized):
    page = root.post(ask(parametrized), unchanged(limit="many", codes="[")).content.decode()
    assert "Enter a whole number" in page
    assert "not JSON" in page
    assert not Run.objects.exists()
