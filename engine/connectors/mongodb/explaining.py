"""MongoDB's errors in FlowAdmin's words, without the password whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.connectors.mongodb.config import MongodbConfig
from engine.errors import AccessDenied, ConnectorError, LoadRefused, Unreachable

if TYPE_CHECKING:
    from pymongo.errors import OperationFailure, PyMongoError

_AUTHENTICATION_FAILED = 18
_UNAUTHORIZED = 13
_DUPLICATE_KEY = 11_000
_REFUSED_DOCUMENT = {121, 10_334, 17_280, 17_419, 17_420}  # validation; too large, in four words


@contextmanager
def explaining(config: MongodbConfig, collection: str = "") -> Iterator[None]:
    """Raise whatever pymongo raises inside as the ``ConnectorError`` it means."""
    from pymongo.errors import PyMongoError

    try:
        yield
    except PyMongoError as error:
        found = _explain(error, config, collection)
        found.__cause__ = None  # a driver's message may quote what we must not
        raise found from None


def _explain(error: PyMongoError, config: MongodbConfig, collection: str) -> ConnectorError:
    from pymongo import errors

    said = _said(error, config)
    match error:
        case errors.BulkWriteError():
            return _refusal(_first_of(error), config, collection)
        case errors.DocumentTooLarge():
            return LoadRefused(f"a document is larger than MongoDB takes: {said}; leave fields out")
        case errors.OperationFailure():
            return _explain_answer(error, said, config, collection)
        case errors.ConfigurationError() | errors.InvalidURI():
            return ConnectorError(f"{config.address} cannot be used: {said}", permanent=True)
        case errors.ConnectionFailure():  # server selection and timeouts as well
            return Unreachable(
                f"nothing that can serve answers at {config.address} ({said}); check hosts, port, "
                "TLS, replica set and firewall, and that MongoDB is running there"
            )
    return ConnectorError(f"the connection to {_at(config)} failed: {said}")


def _explain_answer(
    error: OperationFailure, said: str, config: MongodbConfig, collection: str
) -> ConnectorError:
    if error.code == _AUTHENTICATION_FAILED:
        return AccessDenied(
            f"{config.address} does not let user '{config.user}' in ({said}); check user, password "
            f"and that the user is defined in database '{config.auth_source}' (auth_source)"
        )
    if error.code == _UNAUTHORIZED:
        return AccessDenied(
            f"user '{config.user}' may not do this in {_at(config)}: {said}; "
            "grant a role such as readWrite, or use another user"
        )
    if error.code == _DUPLICATE_KEY or error.code in _REFUSED_DOCUMENT:
        return _refusal(said, config, collection)
    return ConnectorError(f"{_at(config)} refused a command: {said}")


def _refusal(said: str, config: MongodbConfig, collection: str) -> LoadRefused:
    return LoadRefused(
        f"collection '{collection}' of database '{config.database}' refused the documents: {said}; "
        "correct the rows, or the collection's indexes and validation"
    )


def _first_of(error: PyMongoError) -> str:
    """The first of the refusals of a bulk of writes."""
    details = getattr(error, "details", None) or {}
    refusals = details.get("writeErrors") or details.get("writeConcernErrors") or [{}]
    return str(refusals[0].get("errmsg") or error)[:500]


def _said(error: PyMongoError, config: MongodbConfig) -> str:
    """The server's or driver's own words on one line, without what it knows of the cluster."""
    details = getattr(error, "details", None) or {}
    text = str(details.get("errmsg") or error)
    text = " ".join(text.split(", Timeout: ")[0].split(", full error: ")[0].split())[:500]
    password = config.password.get_secret_value()
    return text.replace(password, "***") if password else text


def _at(config: MongodbConfig) -> str:
    return f"database '{config.database}' at {config.address}"
