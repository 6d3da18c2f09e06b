"""Create and change connections, so that a secret never follows an address it was not given for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from engine.errors import ConfigError
from workflows.models import Connection, Team
from workflows.services.connections import config_of, connector_of, save_secrets


@transaction.atomic
def create_connection(
    *,
    team: Team,
    name: str,
    slug: str,
    connector: str,
    options: Mapping[str, Any],
    secrets: Mapping[str, str] | None = None,
    external_id: str = "",
) -> Connection:
    """Raises ConfigError, naming each field that the connector does not take."""
    connection = Connection(
        team=team,
        name=name,
        slug=slug,
        connector=connector,
        options=dict(options),
        external_id=external_id,
    )
    _check(connection, options, secrets or {})
    connection.save(force_insert=True)
    if secrets:
        save_secrets(connection, secrets)
    return connection


@transaction.atomic
def change_connection(
    connection: Connection,
    *,
    name: str,
    options: Mapping[str, Any],
    secrets: Mapping[str, str] | None = None,
    external_id: str = "",
) -> Connection:
    """With other options, every stored secret must be given again. Raises ConfigError."""
    given, stored = secrets or {}, connection.secrets or {}
    if missing := secrets_to_give_again(connection, options, given):
        named = ", ".join(f"'{key}'" for key in missing)
        raise ConfigError(f"options changed, so the secrets must be given again: {named}")
    connection.name, connection.external_id = name, external_id
    connection.options = dict(options)
    _check(connection, options, {**stored, **given})
    connection.save()
    if given:
        save_secrets(connection, given)
    return connection


def secrets_to_give_again(
    connection: Connection, options: Mapping[str, Any], given: Mapping[str, str]
) -> list[str]:
    """Stored secrets that would follow to an address they were not given for."""
    if _with_defaults(connection, options) == _with_defaults(connection, connection.options):
        return []
    return sorted(set(connection.secrets or {}) - set(given))


def _with_defaults(connection: Connection, options: Mapping[str, Any]) -> dict[str, Any]:
    """``options`` as the connector reads them, so that naming a default is no change."""
    given = Connection(
        connector=connection.connector, options=dict(options), secrets=connection.secrets
    )
    try:
        config = config_of(given)
    except ConfigError:
        return dict(options)
    return config.model_dump(exclude=set(config.secret_fields()))


def shown_options(connection: Connection) -> dict[str, Any]:
    """Its options without what its connector calls secret, in case it was stored among them."""
    try:
        hidden = connector_of(connection).Config.secret_fields()
    except ConfigError:
        return {}
    return {name: value for name, value in connection.options.items() if name not in hidden}


def _check(connection: Connection, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
    misplaced = sorted(connector_of(connection).Config.secret_fields() & set(options))
    if misplaced:
        named = ", ".join(f"'{key}'" for key in misplaced)
        raise ConfigError(f"secret among the options: {named}; give it in 'secrets'")
    config_of(
        Connection(connector=connection.connector, options=dict(options), secrets=dict(secrets))
    )
