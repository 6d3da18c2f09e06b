from __future__ import annotations

import pytest

from engine.errors import PlanError
from engine.sealing import generate_keypair, public_key_of, seal, unseal

SECRETS = {"password": 'p"ä\nss', "token": "t"}


def test_what_is_sealed_to_a_key_opens_with_its_private_half() -> None:
    private, public = generate_keypair()

    assert unseal(private, seal(public, SECRETS)) == SECRETS


def test_a_box_shows_nothing_of_its_secret() -> None:
    _, public = generate_keypair()

    assert "canary" not in seal(public, {"password": "canary"})


def test_equal_secrets_give_different_boxes() -> None:
    _, public = generate_keypair()

    assert seal(public, SECRETS) != seal(public, SECRETS)


def test_nothing_to_hide_gives_no_box() -> None:
    private, public = generate_keypair()

    assert seal(public, {}) == ""
    assert unseal(private, "") == {}


def test_another_pools_key_opens_nothing() -> None:
    _, public = generate_keypair()
    other, _ = generate_keypair()

    with pytest.raises(PlanError, match="does not open with this pool's key") as error:
        unseal(other, seal(public, SECRETS))
    assert error.value.code == "E_SEALED"


@pytest.mark.parametrize("damaged", ["???", "aGVsbG8="])
def test_a_damaged_box_is_a_plan_error(damaged: str) -> None:
    private, _ = generate_keypair()

    with pytest.raises(PlanError):
        unseal(private, damaged)


@pytest.mark.parametrize("key", ["", "short", "ä"])
def test_a_key_that_is_none_names_the_half(key: str) -> None:
    with pytest.raises(PlanError, match="public key cannot be used"):
        seal(key, SECRETS)


def test_the_public_half_follows_from_the_private_one() -> None:
    private, public = generate_keypair()

    assert public_key_of(private) == public
