"""Every pool has a key pair: secrets are sealed to the public half, its workers have the other."""

from __future__ import annotations

import os
from pathlib import Path

from engine.sealing import generate_keypair, public_key_of
from workers.models import Pool


def ensure(folder: Path) -> None:
    """Make the keys of pools that have none; a key file in ``folder`` is the truth.

    A pool with a public key and no file here has its workers elsewhere, and is left alone.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for pool in Pool.objects.all():
        path = folder / f"{pool.name}.key"
        if path.exists():
            public = public_key_of(path.read_text().strip())
        elif pool.public_key:
            continue
        else:
            private, public = generate_keypair()
            _write(path, private)
        if pool.public_key != public:
            pool.public_key = public
            pool.save(update_fields=["public_key"])


def _write(path: Path, private: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(private + "\n")
