"""Which hosts connections may reach, decided on the address that a name stands for just then.

| addresses | connectors of databases | http and remote files |
|---|---|---|
| public | yes | yes |
| loopback, private, shared, unique local | yes | only if the operator allows them |
| link-local, metadata services, unspecified, multicast, reserved | no | no |

The operator of a host allows more by ``FLOWADMIN_INTERNAL_HOSTS``: names for which private
addresses may stand, and networks, any at all. What an IPv6 address embeds of IPv4 is looked at
as well.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
import socket
from collections.abc import Iterator
from enum import StrEnum

from engine.errors import AccessDenied, Unreachable
from engine.policy import INTERNAL_HOSTS, internal_hosts

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Where clouds tell a machine its credentials, besides the link-local addresses.
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Reach(StrEnum):
    """How far a connector reaches when its host's operator says nothing."""

    PUBLIC = "public"
    #: Private addresses too: that is where databases live.
    PRIVATE = "private"


def addresses(host: str, port: int, reach: Reach) -> list[str]:
    """The addresses of ``host`` that may be connected to, at least one.

    Raises ``AccessDenied`` where there is none, ``Unreachable`` for a name that stands for none.
    """
    try:
        every = _resolved(host, port)
    except (OSError, UnicodeError) as error:
        raise Unreachable(
            f"host name '{host}' cannot be resolved ({error}); check the name, and the DNS"
        ) from None
    may_be = [address for address in every if is_allowed(address, host, reach)]
    if not may_be:
        raise refused(host, every[0])
    return may_be


def check(host: str, port: int, reach: Reach = Reach.PRIVATE) -> None:
    """Raise ``AccessDenied`` if any address of ``host`` may not be reached.

    For drivers that resolve names by themselves; one that cannot be resolved is theirs to report.
    """
    try:
        every = _resolved(host, port)
    except (OSError, UnicodeError):
        return
    for address in every:
        if not is_allowed(address, host, reach):
            raise refused(host, address)


def is_allowed(address: str, host: str, reach: Reach) -> bool:
    """Whether ``address``, for which the name ``host`` stands, may be connected to."""
    names, networks = internal_hosts()
    for ip in _meant(ipaddress.ip_address(address)):
        if any(ip in network for network in networks):
            continue
        if _is_never_meant(ip):
            return False
        is_named = any(fnmatch.fnmatchcase(host.casefold().rstrip("."), name) for name in names)
        if not (reach is Reach.PRIVATE or is_named or ip.is_global):
            return False
    return True


def refused(host: str, address: str) -> AccessDenied:
    stands = f", which stands for {address}," if address != host else ""
    return AccessDenied(
        f"host '{host}'{stands} may not be reached from here: that is no public address; choose "
        f"another host, or let the operator of this one add it to {INTERNAL_HOSTS}"
    )


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _meant(ip: Address) -> Iterator[Address]:
    """``ip``, or the IPv4 addresses that packets to it may end at."""
    embedded: list[Address] = []
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64 or (ip.packed[:12] == bytes(12) and int(ip) > 1):
            embedded.append(ipaddress.IPv4Address(ip.packed[12:]))
        embedded += [found for found in (ip.ipv4_mapped, ip.sixtofour) if found]
        embedded += list(ip.teredo or ())
    yield from embedded or [ip]


def _is_never_meant(ip: Address) -> bool:
    return (
        ip in _METADATA
        or ip.is_link_local
        or ip.is_multicast
        or ip.is_unspecified
        or (ip.is_reserved and not ip.is_loopback)
        or (ip.version == 4 and ip.packed[0] == 0)
    )


def one_host(text: str) -> str:
    """A host name or IP address of a connection, without brackets.

    Raises ``ValueError`` for whatever drivers would take for more: paths, lists, parts of an URL.
    """
    if not re.fullmatch(r"[\w.-]+|\[?[0-9A-Fa-f:.]+(%\w+)?\]?", text):
        raise ValueError(
            f"'{text}' is not a host; expected one host name or IP address "
            "(no path of a socket, no list)"
        )
    return text.strip("[]")


def printable(text: str) -> str:
    """A name in a connection. Raises ``ValueError`` for characters that no name can have."""
    if not text.isprintable():
        raise ValueError(f"{text!r} holds characters that no name can have; retype it")
    return text
