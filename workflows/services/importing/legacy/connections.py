"""Which stored connection a database node means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.registry import connectors
from workflows.models import Connection, Team
from workflows.services.importing.legacy import codes
from workflows.services.importing.legacy.codes import Findings
from workflows.services.importing.legacy.payload import LegacyNode


@dataclass(frozen=True)
class Connections:
    """A team's connections, and what the caller says about names they do not know.

    ``mapping`` goes from a ``connector_id`` or a database's name to a connection's slug.
    """

    known: Sequence[Connection]
    mapping: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, team: Team, mapping: Mapping[str, str] | None = None) -> Connections:
        return cls(tuple(team.connections.order_by("slug")), mapping or {})

    def slug_for(self, node: LegacyNode, findings: Findings) -> str:
        """The connection's slug, or an empty text and a finding.

        1. What the caller mapped the node's ``connector_id`` or database to.
        2. The connection that was imported with that ``connector_id``.
        3. Without a ``connector_id``: the one connection to a database of that name.
        """
        database = str(node.database.get("db") or "")
        mapped = self.mapping.get(node.connector_id) or self.mapping.get(database)
        if mapped:
            found = [c for c in self.known if c.slug == mapped]
        elif node.connector_id:
            found = [c for c in self.known if c.external_id == node.connector_id]
        else:
            found = [c for c in self.known if database and c.options.get("database") == database]
        if len(found) == 1:
            return found[0].slug
        self._refuse(node, mapped or node.connector_id or database, found, findings)
        return ""

    def _refuse(
        self, node: LegacyNode, wanted: str, found: Sequence[Connection], findings: Findings
    ) -> None:
        slugs = ", ".join(c.slug for c in found or self.known) or "none"
        what = "several connections fit" if found else "no connection of the team is known for"
        message = (
            f"{what} '{wanted}' (connections: {slugs}); map it with "
            f'connections={{"{wanted or "<database>"}": "<slug>"}}'
        )
        findings.error(
            codes.E_UNKNOWN_CONNECTION, message, node=node.id, field="connector_id", wanted=wanted
        )


def medium_of(connector_type: str) -> str:
    """What a connector of that name reaches; empty if there is none."""
    wanted = _folded(connector_type)
    found = (
        connector.medium
        for connector in connectors().values()
        if wanted in {_folded(name) for name in (connector.slug, *connector.aliases)}
    )
    return next(found, "")


def known_types() -> list[str]:
    """What a node may name as its connector: of each one name."""
    return sorted(connectors())


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_")
