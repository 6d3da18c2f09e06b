"""What every connector owes its users, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from engine.connector import Connector
from engine.errors import ConnectorError
from engine.registry import connectors, kinds
from engine.transfer import Extraction, TableName

PAGES = Path(__file__).parents[2] / "docs" / "connectors"


@pytest.fixture(params=sorted(connectors()))
def connector(request: pytest.FixtureRequest) -> Connector[Any]:
    return connectors()[request.param]


def settings(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting, those of parts as ``options.timeout``."""
    for name, field in model.model_fields.items():
        parts = [field.annotation, *get_args(field.annotation)]
        inner = [p for p in parts if isinstance(p, type) and issubclass(p, BaseModel)]
        if inner:
            yield from settings(inner[0], f"{name}.")
        else:
            yield f"{before}{name}", field


def test_a_connector_is_filed_under_its_slug(connector: Connector[Any]) -> None:
    assert type(connector).__module__.rpartition(".")[2] == connector.slug


def test_the_example_of_a_connection_validates(connector: Connector[Any]) -> None:
    assert connector.Config.model_validate(connector.example)


def test_names_of_connectors_lead_to_one_each() -> None:
    names = [name for c in connectors().values() for name in (c.slug, *c.aliases)]
    assert len(names) == len(set(names))


def test_a_connector_serves_some_kind(connector: Connector[Any]) -> None:
    assert connector.medium in {kind.medium for kind in kinds().values()}


def test_unknown_settings_are_refused(connector: Connector[Any]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        connector.Config.model_validate({**connector.example, "colour": "red"})


def test_secrets_are_not_shown(connector: Connector[Any]) -> None:
    secrets = dict.fromkeys(connector.Config.secret_fields(), "hush")
    config = connector.Config.model_validate({**connector.example, **secrets})
    assert "hush" not in f"{config!r} {config} {config.model_dump(mode='json')}"


def test_every_setting_is_described(connector: Connector[Any]) -> None:
    for name, field in settings(connector.Config):
        assert (field.description or "").endswith("."), name


def test_a_connector_has_a_page_that_names_it_and_every_setting(connector: Connector[Any]) -> None:
    """Its own, or that of the connector it is made of."""
    slugs = [vars(cls)["slug"] for cls in type(connector).__mro__ if "slug" in vars(cls)]
    pages = [PAGES / f"{slug}.md" for slug in slugs]
    page = next(page.read_text() for page in pages if page.exists())
    assert connector.slug.replace("_", " ") in page.casefold()
    for name, _ in settings(connector.Config):
        assert f"`{name}`" in page, name


def test_what_cannot_be_read_fails_in_our_words(
    connector: Connector[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node of another medium, or a host that is not there."""
    monkeypatch.delenv("FLOWADMIN_FILE_ROOTS", raising=False)
    config = connector.Config.model_validate(connector.example)
    with pytest.raises(ConnectorError):
        connector.describe(config, Extraction(table=TableName("", "t")))


@pytest.mark.parametrize(
    "option",
    ["options", "service", "passfile", "sslrootcert", "sslkey", "unix_socket", "read_default_file",
     "init_command", "local_infile", "tlsCAFile", "tlsCertificateKeyFile", "proxy", "jdbc_url"],
)  # fmt: skip
def test_options_that_reach_beyond_the_server_are_refused(
    connector: Connector[Any], option: str
) -> None:
    reaching = {option: "-c log_statement=all" if option == "options" else "/etc/passwd"}
    for given in (reaching, {"options": reaching}):
        with pytest.raises(ValidationError):
            connector.Config.model_validate({**connector.example, **given})


@pytest.mark.parametrize(
    "host", ["/var/run/socket", "@abstract", "a b", "h?service=x", "h/d", "%2f"]
)
def test_a_host_is_nothing_but_a_host(connector: Connector[Any], host: str) -> None:
    for name in {"host", "hosts"} & connector.Config.model_fields.keys():
        with pytest.raises(ValidationError):
            connector.Config.model_validate({**connector.example, name: host})
