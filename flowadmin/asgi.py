"""ASGI entry point: Django, and beside it the streams of live pages."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django.core.asgi import get_asgi_application

from engine import registry

if TYPE_CHECKING:
    from workflows.streams.asgi import Application


def _application() -> Application:
    """What is imported here needs Django's apps, which are there once Django is."""
    django = get_asgi_application()
    from workflows.api.leaving import Leaving
    from workflows.pages.polling import topics
    from workflows.services import previewing
    from workflows.streams.asgi import Streams

    # What the first one to ask would wait for.
    previewing.expect()
    registry.kinds()
    registry.connectors()
    return Streams(Leaving(django), topics())


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flowadmin.settings")
application = _application()
