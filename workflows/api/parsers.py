"""JSON bodies, of limited size, in which nothing is lost."""

from __future__ import annotations

from typing import Any

from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

from workflows.services.strict_json import JSONRefused, loads

BODY_LIMIT_BYTES = 10 * 1024 * 1024


class BodyTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = f"the body is larger than {BODY_LIMIT_BYTES:,} bytes; send less"


class StrictJSONParser(JSONParser):
    """Refuses duplicate keys, NaN and what PostgreSQL cannot store."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        body = stream.read(BODY_LIMIT_BYTES + 1)
        if len(body) > BODY_LIMIT_BYTES:
            raise BodyTooLarge
        try:
            return loads(body)
        except JSONRefused as error:
            raise ParseError(f"the body is refused: {error.message}") from error
