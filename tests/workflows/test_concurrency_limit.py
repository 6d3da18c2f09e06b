from __future__ import annotations

import pytest

from workers.prefect.wire import deployment_body
from workflows import registration
from workflows.models import Overlap

pytestmark = pytest.mark.django_db


def spec_of(prefect, workflow):
    registration.register(workflow.pk)
    workflow.registration.refresh_from_db()
    return prefect.specs[workflow.registration.deployment_id]


@pytest.mark.parametrize(
    ("overlap", "strategy"), [(Overlap.QUEUE, "ENQUEUE"), (Overlap.CANCEL, "CANCEL_NEW")]
)
def test_a_limit_reaches_the_deployment(prefect, registered, overlap, strategy):
    registered.concurrency_limit, registered.overlap = 2, overlap
    registered.save()
    body = deployment_body(spec_of(prefect, registered), "flow")
    assert body["concurrency_limit"] == 2
    assert body["concurrency_options"] == {"collision_strategy": strategy}


def test_without_a_limit_the_pool_decides(prefect, registered):
    assert deployment_body(spec_of(prefect, registered), "flow")["concurrency_limit"] is None
