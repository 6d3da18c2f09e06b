from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from factories import AlertDeliveryFactory

from workflows.models import AlertDelivery
from workflows.services.alerting.sending import send_due

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_many_senders_one_sends_each_message(hook, receiver):
    AlertDeliveryFactory.create_batch(20, channel=hook)

    def send(_: int) -> int:
        try:
            return send_due(limit=5)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as senders:
        assert sum(senders.map(send, range(6))) == 20
    ids = [one.headers["X-FlowAdmin-Delivery"] for one in receiver.got]
    assert len(ids) == len(set(ids)) == 20
    assert not AlertDelivery.objects.exclude(state="sent").exists()
