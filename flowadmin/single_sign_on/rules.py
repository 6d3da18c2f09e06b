"""Who may enter by single sign-on, and with which roles: the settings, understood."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

from flowadmin.environment import Environment

_ROLES = ("viewer", "operator", "editor", "admin")


@dataclass(frozen=True, slots=True)
class Grant:
    """``team`` is a slug, ``role`` a name."""

    team: str
    role: str


@dataclass(frozen=True, slots=True)
class Rules:
    email_domains: frozenset[str]
    groups_claim: str
    grants: Mapping[str, tuple[Grant, ...]]
    default: tuple[Grant, ...]

    def takes(self, email: str) -> bool:
        return not self.email_domains or email.rpartition("@")[2].lower() in self.email_domains

    def roles(self, groups: Collection[str]) -> dict[str, str]:
        """Team → the highest role that the groups give; the default's, if they give none."""
        given = [grant for group in groups for grant in self.grants.get(group, ())]
        given.sort(key=lambda grant: _ROLES.index(grant.role))
        return {grant.team: grant.role for grant in given or self.default}

    def teams(self) -> set[str]:
        """The teams whose members these rules decide on."""
        every = [*self.default, *(grant for given in self.grants.values() for grant in given)]
        return {grant.team for grant in every}


def rules(environment: Environment) -> Rules:
    """Raises ImproperlyConfigured for what cannot be read."""
    grants: dict[str, tuple[Grant, ...]] = {}
    for part in _parts(environment.flowadmin_oidc_groups):
        group, sign, given = part.rpartition("=")
        if not sign:
            raise _misread("FLOWADMIN_OIDC_GROUPS", part, "group=team:role")
        grant = _grant("FLOWADMIN_OIDC_GROUPS", given)
        grants[group.strip()] = (*grants.get(group.strip(), ()), grant)
    return Rules(
        email_domains=frozenset(
            domain.lower().lstrip("@") for domain in _parts(environment.flowadmin_oidc_domains)
        ),
        groups_claim=environment.flowadmin_oidc_groups_claim,
        grants=grants,
        default=tuple(
            _grant("FLOWADMIN_OIDC_DEFAULT", part)
            for part in _parts(environment.flowadmin_oidc_default)
        ),
    )


def _grant(setting: str, text: str) -> Grant:
    team, _, role = (part.strip() for part in text.partition(":"))
    if not team or role not in _ROLES:
        raise _misread(setting, text, f"team:role, the role one of {', '.join(_ROLES)}")
    return Grant(team, role)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _misread(setting: str, text: str, expected: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{setting} has '{text}', expected {expected}")
