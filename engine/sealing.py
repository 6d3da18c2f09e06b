"""Secrets sealed to one pool's key: anybody can seal, only that pool's workers can open.

Keys and sealed boxes travel as base64. A box is libsodium's ``crypto_box_seal`` over
the secrets' JSON, so equal secrets give different boxes.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from engine.errors import PlanError
from engine.plan import canonical_json


def generate_keypair() -> tuple[str, str]:
    """A new key: (private, public), each 32 bytes in base64."""
    private = PrivateKey.generate()
    return _encode(bytes(private)), _encode(bytes(private.public_key))


def public_key_of(private_key: str) -> str:
    """The public half of a private key."""
    return _encode(bytes(PrivateKey(_key(private_key, "private")).public_key))


def seal(public_key: str, secrets: Mapping[str, str]) -> str:
    """Seal secrets to a pool; nothing to hide gives an empty text."""
    if not secrets:
        return ""
    box = SealedBox(PublicKey(_key(public_key, "public")))
    return _encode(box.encrypt(canonical_json(dict(secrets))))


def unseal(private_key: str, sealed: str) -> dict[str, str]:
    """Open a box. Raises ``PlanError`` when it was sealed to another key or is damaged."""
    if not sealed:
        return {}
    box = SealedBox(PrivateKey(_key(private_key, "private")))
    try:
        opened = json.loads(box.decrypt(b64decode(sealed, validate=True)))
    except (CryptoError, ValueError):
        raise PlanError(
            "a sealed secret does not open with this pool's key; expected one sealed to it; "
            "register the workflow again, or give the worker the pool's current key",
            code="E_SEALED",
        ) from None
    return {str(name): str(secret) for name, secret in opened.items()}


def _encode(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")


def _key(text: str, half: str) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise PlanError(
            f"the pool's {half} key cannot be used; expected 32 bytes in base64; "
            "make a new key pair for the pool",
            code="E_POOL_KEY",
        )
    return raw
