"""What is in a database, to look around: schemas, their tables, and the columns of one."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_http_methods

from engine.errors import EngineError
from engine.transfer import Extraction, TableName
from workflows import access, catalog
from workflows.models import Connection

#: More would make the page slow; a word of the name finds the others.
_TABLES_SHOWN = 500


@require_http_methods(["GET", "POST"])
@login_required
def connection_tables(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Schemas with their tables. POST asks the database again."""
    connection = _browsable(request, connection_id)
    if request.method == "POST":
        catalog.forget(connection)
    word = request.GET.get("word", "").strip().lower()
    context: dict[str, Any] = {"connection": connection, "word": word}
    try:
        found = [table for table in catalog.tables(connection) if word in str(table).lower()]
    except EngineError as error:
        context["problem"] = str(error)
    else:
        shown = sorted(found, key=lambda table: (table.schema, table.table))[:_TABLES_SHOWN]
        context["schemas"] = [
            (schema, list(tables)) for schema, tables in groupby(shown, lambda one: one.schema)
        ]
        context["number"], context["more"] = len(found), len(found) - len(shown)
    return render(request, "fragments/connection_tables.html", context)


@require_GET
@login_required
def connection_columns(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Columns of ``?schema=&table=`` with their types there and in the engine."""
    connection = _browsable(request, connection_id)
    table = TableName(request.GET.get("schema", ""), request.GET.get("table", ""))
    context: dict[str, Any] = {}
    try:
        known = catalog.DatabaseCatalog(connection.team)
        context["columns"] = list(known.columns(connection.slug, Extraction(table=table)))
    except EngineError as error:
        context["problem"] = str(error)
    return render(request, "fragments/connection_columns.html", context)


def _browsable(request: HttpRequest, connection_id: int) -> Connection:
    """It connects with the stored credentials, so it needs what testing needs."""
    rows = access.scope(request.user, Connection.objects.select_related("team"))
    connection = get_object_or_404(rows, pk=connection_id)
    access.require(request.user, "workflows.test_connection", connection)
    return connection
