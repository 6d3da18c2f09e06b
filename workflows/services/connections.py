"""Connections: their settings in one piece, their secrets, and who uses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.fields.json import KT
from pydantic import SecretStr, ValidationError

from engine.connector import ConnectionConfig, Connector
from engine.errors import ConfigError
from engine.registry import connectors
from engine.suggestion import unknown
from workflows import outbox
from workflows.compile import ConnectionFacts
from workflows.models import Connection, Node, Team, Workflow
from workflows.services.findings import refused


def connector_of(connection: Connection) -> Connector[Any]:
    """The code that speaks to it. Raises ConfigError for a connector that is not installed."""
    known = connectors()
    if connection.connector not in known:
        raise ConfigError(unknown("connector", connection.connector, sorted(known)))
    connector: Connector[Any] = known[connection.connector]
    return connector


def config_of(connection: Connection) -> ConnectionConfig:
    """Options and secrets as the connector's Config. Raises ConfigError naming each field."""
    model: type[ConnectionConfig] = connector_of(connection).Config
    try:
        return model.model_validate({**connection.options, **(connection.secrets or {})})
    except ValidationError as error:
        raise refused(model, error) from None


def test(connection: Connection) -> str:
    """Connect, and say what answered. Raises ConfigError or ConnectorError."""
    return connector_of(connection).test(config_of(connection))


def save_secrets(connection: Connection, secrets: Mapping[str, str]) -> None:
    """Keep these secrets, encrypted; those not named stay. Raises ConfigError."""
    allowed = connector_of(connection).Config.secret_fields()
    for name in secrets:
        if name not in allowed:
            raise ConfigError(unknown("secret", name, sorted(allowed)))
    connection.secrets = {**(connection.secrets or {}), **secrets}
    connection.save(update_fields=["secrets", "updated_at"])


def used_by(connection: Connection) -> QuerySet[Workflow]:
    """Workflows of its team with a node that names it."""
    nodes = Node.objects.annotate(slug=KT("config__connection")).filter(slug=connection.slug)
    return Workflow.objects.filter(team_id=connection.team_id, pk__in=nodes.values("workflow_id"))


@transaction.atomic
def note_change(connection: Connection) -> None:
    """Raise the revision and have its workflows registered again."""
    Connection.objects.filter(pk=connection.pk).update(revision=F("revision") + 1)
    outbox.mark_dirty(*used_by(connection).values_list("pk", flat=True))


def facts_of(team: Team, used: Iterable[str]) -> dict[str, ConnectionFacts]:
    """What compiling needs of the team's connections; only those ``used`` are checked."""
    checked = set(used)
    return {
        connection.slug: ConnectionFacts(
            connector=connection.connector,
            options=_options_in_clear(connection),
            revision=connection.revision,
            medium=_medium(connection),
            **_abilities(connection),
            problems=_problems(connection) if connection.slug in checked else (),
        )
        for connection in team.connections.all()
    }


def _abilities(connection: Connection) -> dict[str, bool]:
    """What its connector can do; all of it, as long as the connector is not known."""
    connector = connectors().get(connection.connector)
    if connector is None:
        return {}
    return {
        "reads_incrementally": connector.reads_incrementally,
        "keeps_watermarks": connector.keeps_watermarks,
    }


def secrets_of(connection: Connection) -> dict[str, str]:
    """The values that travel sealed, in clear."""
    config = config_of(connection)
    secrets = {name: getattr(config, name) for name in type(config).secret_fields()}
    return {
        name: secret.get_secret_value()
        for name, secret in secrets.items()
        if isinstance(secret, SecretStr)
    }


def _options_in_clear(connection: Connection) -> dict[str, Any]:
    """Without what the connector calls secret, in case it was stored among the options."""
    known = connectors()
    hidden = (
        known[connection.connector].Config.secret_fields()
        if connection.connector in known
        else frozenset()
    )
    return {name: value for name, value in connection.options.items() if name not in hidden}


def _medium(connection: Connection) -> str:
    """What it reaches; of a connector that is not installed, the usual is assumed."""
    connector: Connector[Any] | None = connectors().get(connection.connector)
    return connector.medium if connector else Connector.medium


def _problems(connection: Connection) -> tuple[str, ...]:
    try:
        config_of(connection)
    except ConfigError as error:
        return (error.message,)
    return ()
