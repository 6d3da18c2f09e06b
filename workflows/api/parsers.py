"""JSON bodies, of limited size, in which nothing is lost."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from workflows.services.strict_json import JSONRefused, loads


class StrictJSONParser(JSONParser):
    """Refuses duplicate keys, NaN and what PostgreSQL cannot store."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise RequestDataTooBig
        try:
            return loads(body)
        except JSONRefused as error:
            raise ParseError(f"the body is refused: {error.message}") from error
