"""ASGI entry point: Django, and beside it the streams of live pages."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flowadmin.settings")
_django = get_asgi_application()

# What they import needs Django's apps.
from engine import registry  # noqa: E402
from workflows.api.leaving import Leaving  # noqa: E402
from workflows.pages.polling import topics  # noqa: E402
from workflows.services import previewing  # noqa: E402
from workflows.streams.asgi import Streams  # noqa: E402

application = Streams(Leaving(_django), topics())

# What the first one to ask would wait for.
previewing.expect()
registry.kinds()
registry.connectors()
