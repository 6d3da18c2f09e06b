"""What holds for every connector of a database, whatever it speaks to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from mariadb import Shop, mariadb_address
from pipelines import Databases, address, plan, secrets, source, target

from engine import registry
from engine.connector import Extraction, TableName
from engine.connectors.postgresql import Postgresql
from engine.errors import ConnectorError, TableNotFound
from engine.interpreter import run
from engine.outcome import RunOutcome
from engine.plan import PlanConnection

MODES = ["append", "replace", "upsert", "delete_insert"]
#: What a connector of a database needs besides an address.
SETTINGS = {"sqlalchemy": {"dialect": "mysql+pymysql"}}


@dataclass(frozen=True)
class Contract:
    """One connector, its settings, and a way to the database behind its back."""

    slug: str
    options: dict[str, Any]
    sql: Callable[..., list[tuple[Any, ...]]]

    @property
    def connector(self) -> Any:
        return registry.connectors()[self.slug]

    @property
    def is_postgresql(self) -> bool:
        return isinstance(self.connector, Postgresql)

    def config(self, **changes: Any) -> Any:
        return self.connector.Config.model_validate({**self.options, **changes})

    def load(self, mode: str, run_id: str = "r") -> RunOutcome:
        options = {name: value for name, value in self.options.items() if name != "password"}
        sealed = self.options["password"]
        own = PlanConnection(connector=self.slug, options=options, sealed=sealed)
        keys = {"config": {"keys": ["id"]}} if mode in ("upsert", "delete_insert") else {}
        steps = source("r", "s"), target("w", "t", "r", mode, **keys)
        made = plan(steps, {"source": own, "target": own})
        return run(made, run_id=run_id, secrets=secrets)


@pytest.fixture(params=[s for s, c in registry.connectors().items() if c.medium == "database"])
def contract(request: pytest.FixtureRequest) -> Contract:
    """Every connector of a database that there is, on a server that speaks its protocol."""
    slug: str = request.param
    if isinstance(registry.connectors()[slug], Postgresql):
        databases: Databases = request.getfixturevalue("databases")
        made = Contract(slug, address(databases.source_url), databases.in_source)
    else:
        shop: Shop = request.getfixturevalue("shop")
        made = Contract(slug, mariadb_address(shop.url) | SETTINGS.get(slug, {}), shop.sql)
    made.sql("create table s (id int, v varchar(20))", "insert into s values (1, 'a'), (2, null)")
    made.sql("create table t (id int primary key, v varchar(20))")
    return made


def test_it_says_what_answered_and_lists_what_is_there(contract: Contract) -> None:
    assert contract.options["database"] in contract.connector.test(contract.config())
    assert {"s", "t"} <= {table.table for table in contract.connector.tables(contract.config())}


def test_it_tells_about_how_many_rows_a_table_has(contract: Contract) -> None:
    contract.sql("analyze s" if contract.is_postgresql else "analyze table s")
    estimates = contract.connector.estimates(contract.config())
    assert {name.table: rows for name, rows in estimates.items()}["s"] == 2


def test_it_describes_a_table_and_names_the_nearest_to_one_that_is_not(contract: Contract) -> None:
    found = contract.connector.describe(contract.config(), Extraction(TableName("", "s")))
    assert found.names == ("id", "v")
    assert found.columns[1].type == "VARCHAR"
    with pytest.raises(TableNotFound):
        contract.connector.describe(contract.config(), Extraction(TableName("", "nowhere")))


@pytest.mark.parametrize("mode", MODES)
def test_a_load_that_is_repeated_loads_once(contract: Contract, mode: str) -> None:
    for _ in range(2):
        contract.load(mode).raise_failure()
    assert sorted(contract.sql("select id, v from t"), key=str) == [(1, "a"), (2, None)]


def test_no_error_tells_a_secret(contract: Contract) -> None:
    for changes in ({"port": 1}, {"user": "nobody"}, {"database": "nowhere"}):
        with pytest.raises(ConnectorError) as raised:
            contract.connector.test(contract.config(password="canary 'of' 100%", **changes))
        assert "canary" not in f"{raised.value!r} {raised.value.__cause__!r}"
