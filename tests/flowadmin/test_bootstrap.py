"""What a new installation gets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from engine.sealing import seal, unseal
from flowadmin.bootstrap import accounts, pool_keys, text
from flowadmin.bootstrap.sample_databases import SAMPLES, create
from workers.models import Pool
from workflows.definition import Definition
from workflows.models import Membership, Role

pytestmark = pytest.mark.django_db


def test_every_pool_gets_a_key_that_opens_what_is_sealed_to_it(tmp_path: Path) -> None:
    pool_keys.ensure(tmp_path)
    for pool in Pool.objects.all():
        private = (tmp_path / f"{pool.name}.key").read_text().strip()
        assert unseal(private, seal(pool.public_key, {"password": "p"})) == {"password": "p"}


def test_keys_are_private_and_stay(tmp_path: Path) -> None:
    pool_keys.ensure(tmp_path)
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    pool_keys.ensure(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_pool_whose_workers_are_elsewhere_keeps_its_key(tmp_path: Path) -> None:
    Pool.objects.filter(name="etl-pool").update(public_key="theirs")
    pool_keys.ensure(tmp_path)
    assert Pool.objects.get(name="etl-pool").public_key == "theirs"
    assert not (tmp_path / "etl-pool.key").exists()


def test_the_first_administrator_can_sign_in_with_the_printed_password() -> None:
    team = accounts.ensure_team()
    password = accounts.ensure_administrator(team)
    user = User.objects.get(username="admin")
    assert password is not None
    assert user.check_password(password)
    assert Membership.objects.get(user=user, team=team).role == Role.ADMIN


def test_there_is_only_one_first_administrator() -> None:
    User.objects.create_superuser("somebody", password="x")
    assert accounts.ensure_administrator(accounts.ensure_team()) is None
    assert not User.objects.filter(username="admin").exists()


def test_a_second_start_finds_the_same_team() -> None:
    assert accounts.ensure_team() == accounts.ensure_team()


@pytest.mark.parametrize(
    "path", sorted((SAMPLES / "workflows").glob("*.json")), ids=lambda p: p.stem
)
def test_a_sample_is_a_definition(path: Path) -> None:
    definition = Definition.model_validate(json.loads(path.read_text()))
    assert definition.description


def test_columns_are_aligned() -> None:
    assert text.table(("a", "bc"), [(100, None)]) == "a    bc\n100  -"


@pytest.mark.django_db(transaction=True)
def test_sample_databases_are_filled_again_after_an_interrupted_start() -> None:
    create()
    shop, mart = create()
    with shop.connect() as source, mart.connect() as target:
        assert source.execute("select count(*) from orders").fetchone() == (5000,)
        assert target.execute("select count(*) from contacts").fetchone() == (2,)
