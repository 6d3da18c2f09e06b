"""Pages that stay right while rows are added: each names where the next one starts."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.pagination import CursorPagination

from workflows.api.fields import StrictSerializer

#: What every list of pages is asked by, besides its filters.
PAGE = [
    OpenApiParameter("cursor", str, description="From `next` of the page before."),
    OpenApiParameter("page_size", int),
]


class PageQuery(StrictSerializer):
    """Base of the query of a list; subclasses add its filters."""

    cursor = serializers.CharField(required=False)
    page_size = serializers.IntegerField(required=False)


class NewestFirst(CursorPagination):
    ordering: Any = ("-created_at", "-pk")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
