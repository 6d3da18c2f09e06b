"""The one table of roles and permissions, used by admin, API, pages and streams alike.

Ask two questions: ``principal.has_perm("workflows.run_workflow", workflow)`` for an act,
and ``scope(principal, queryset)`` for the rows a principal may see. A permission asked
without an object means "in any team"; always pair it with ``scope``.

A principal is a Django user, with a role per team from memberships, or a
``ServicePrincipal``: an API token, with one role in one team. A superuser may everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import rules.permissions as permissions
import rules.predicates as predicates
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, Q, QuerySet

from workers.models import Pool, PoolAssignment, PoolSample, WorkerSeen
from workflows.models import (
    AlertChannel,
    AlertDelivery,
    AlertRule,
    ApiToken,
    AuditEntry,
    Connection,
    Dependency,
    LogLine,
    Membership,
    Node,
    NodeRun,
    Registration,
    RegistrationOutbox,
    RetentionPolicy,
    Role,
    Run,
    RunLog,
    Schedule,
    Team,
    Workflow,
    WorkflowVersion,
)

ModelT = TypeVar("ModelT", bound=Model)

#: Path from a model to the team that owns its rows; models left out belong to all teams.
TEAM_PATHS: Mapping[type[Model], str] = {
    Team: "pk",
    Membership: "team",
    ApiToken: "team",
    AuditEntry: "team",
    AlertChannel: "team",
    AlertRule: "team",
    AlertDelivery: "channel__team",
    RetentionPolicy: "team",
    Connection: "team",
    Workflow: "team",
    Node: "workflow__team",
    Dependency: "workflow__team",
    Schedule: "workflow__team",
    WorkflowVersion: "workflow__team",
    Registration: "workflow__team",
    Run: "workflow__team",
    NodeRun: "run__workflow__team",
    RunLog: "run__workflow__team",
    LogLine: "run__workflow__team",
    PoolAssignment: "workflow__team",
}

#: Path from a model that all teams share to the teams its pool is reserved for, if any.
RESERVATION_PATHS: Mapping[type[Model], str] = {
    Pool: "teams",
    WorkerSeen: "pool__teams",
    PoolSample: "pool__teams",
}

_PARTS_OF_A_WORKFLOW: tuple[type[Model], ...] = (Node, Dependency, Schedule)
_ADMINISTERED: tuple[type[Model], ...] = (Membership, ApiToken)

#: The least role for each act on each model; an act that is missing is for superusers only.
NEEDED: Mapping[tuple[str, type[Model]], Role] = {
    **{("view", model): Role.VIEWER for model in (*TEAM_PATHS, *RESERVATION_PATHS)},
    ("view", Membership): Role.ADMIN,
    ("view", ApiToken): Role.ADMIN,
    ("view", AuditEntry): Role.ADMIN,
    ("view", RetentionPolicy): Role.ADMIN,
    ("view", RegistrationOutbox): Role.ADMIN,
    ("run", Workflow): Role.OPERATOR,
    ("pause", Workflow): Role.OPERATOR,
    ("preview", Workflow): Role.OPERATOR,
    ("cancel", Run): Role.OPERATOR,
    ("add", Workflow): Role.EDITOR,
    ("change", Workflow): Role.EDITOR,
    ("register", Workflow): Role.EDITOR,
    **{(act, Connection): Role.EDITOR for act in ("add", "change", "test")},
    **{
        (act, part): Role.EDITOR
        for act in ("add", "change", "delete")
        for part in _PARTS_OF_A_WORKFLOW
    },
    ("delete", Workflow): Role.ADMIN,
    ("delete", Connection): Role.ADMIN,
    **{(act, AlertRule): Role.EDITOR for act in ("add", "change", "delete")},
    **{(act, AlertChannel): Role.EDITOR for act in ("add", "change", "test")},
    ("delete", AlertChannel): Role.ADMIN,
    ("send", AlertDelivery): Role.OPERATOR,
    ("change", Team): Role.ADMIN,
    **{(act, model): Role.ADMIN for act in ("add", "change", "delete") for model in _ADMINISTERED},
}


@dataclass(frozen=True, slots=True)
class ServicePrincipal:
    """What an API token may do: answers like a user, but has no user row (``pk`` is None)."""

    token: ApiToken

    pk = None
    id = None
    is_active = True
    is_authenticated = True
    is_anonymous = False
    is_staff = False
    is_superuser = False

    @property
    def team(self) -> Team:
        return self.token.team

    @property
    def role(self) -> Role:
        return Role(self.token.role)

    @property
    def username(self) -> str:
        return f"token {self.token.name}"

    def get_username(self) -> str:
        return self.username

    def has_perm(self, permission: str, obj: Model | None = None) -> bool:
        return _allows(permission, self, obj)

    def has_perms(self, names: list[str], obj: Model | None = None) -> bool:
        return all(self.has_perm(permission, obj) for permission in names)

    def has_module_perms(self, app_label: str) -> bool:
        return _allows(app_label, self)

    def __str__(self) -> str:
        return self.username


def roles_of(principal: Any) -> Mapping[int, int]:
    """Team id → role. One query per user object, then remembered on it."""
    if isinstance(principal, ServicePrincipal):
        return {principal.token.team_id: principal.token.role}
    if not (principal.is_authenticated and principal.is_active):
        return {}
    if not hasattr(principal, "_roles_by_team"):
        memberships = Membership.objects.filter(user_id=principal.pk)
        principal._roles_by_team = dict(memberships.values_list("team_id", "role"))
    roles: Mapping[int, int] = principal._roles_by_team
    return roles


def load_roles(users: Iterable[Any]) -> None:
    """Remember the roles of many users on them, in one query."""
    known = {user.pk: user for user in users}
    for user in known.values():
        user._roles_by_team = {}
    memberships = Membership.objects.filter(user_id__in=known, user__is_active=True)
    for user_id, team_id, role in memberships.values_list("user_id", "team_id", "role"):
        known[user_id]._roles_by_team[team_id] = role


def team_id_of(obj: Model) -> int | None:
    """The team that owns ``obj``; None for what all teams share."""
    path = TEAM_PATHS.get(type(obj))
    if path is None:
        return None
    *parents, last = path.split("__")
    for parent in parents:
        obj = getattr(obj, parent)
    team_id: int = obj.pk if last == "pk" else getattr(obj, f"{last}_id")
    return team_id


def scope(principal: Any, queryset: QuerySet[ModelT]) -> QuerySet[ModelT]:
    """The rows that ``principal`` may see: the row filter that matches ``view``."""
    if principal.is_superuser and principal.is_active:
        return queryset
    needed = NEEDED.get(("view", queryset.model))
    teams = [team for team, role in roles_of(principal).items() if needed and role >= needed]
    if reserved := RESERVATION_PATHS.get(queryset.model):
        return _shared_or_reserved(queryset, reserved, teams)
    path = TEAM_PATHS.get(queryset.model)
    if path is None:
        return queryset if teams else queryset.none()
    return queryset.filter(**{f"{path}__in": teams})


def is_kept_from(principal: Any, model: type[ModelT], pk: Any) -> bool:
    """Whether the row is one of the principal's own teams, and only the role hides it.

    Such a row is refused; one of another team does not exist.
    """
    path = TEAM_PATHS.get(model)
    if path is None:
        return False
    own = model._default_manager.filter(**{f"{path}__in": list(roles_of(principal))})
    try:
        return own.filter(pk=pk).exists()
    except (ValueError, ValidationError):
        return False


def teams_where(principal: Any, permission: str) -> QuerySet[Team]:
    """The teams in which ``principal`` has ``permission`` (``workflows.add_workflow``)."""
    if principal.is_superuser and principal.is_active:
        return Team.objects.all()
    mine = [pk for pk in roles_of(principal) if principal.has_perm(permission, Team(pk=pk))]
    return Team.objects.filter(pk__in=mine)


def teams_key(principal: Any) -> str:
    """The same for all who see the same rows; names what may be remembered for them."""
    if principal.is_superuser and principal.is_active:
        return "all"
    roles = roles_of(principal)
    return ",".join(f"{team}:{roles[team]}" for team in sorted(roles)) or "none"


def require(principal: Any, permission: str, obj: Model | None = None) -> None:
    """Raise ``PermissionDenied``, naming what is missing, unless it is allowed."""
    if not principal.has_perm(permission, obj):
        act = permission.partition(".")[2].replace("_", " ")
        raise PermissionDenied(f"'{principal}' may not {act}: it needs a higher role in the team")


def permission_name(act: str, model: type[Model]) -> str:
    return f"{model._meta.app_label}.{act}_{model._meta.model_name}"


def _shared_or_reserved(
    queryset: QuerySet[ModelT], path: str, teams: list[int]
) -> QuerySet[ModelT]:
    if not teams:
        return queryset.none()
    pools = Pool.objects.filter(Q(teams=None) | Q(teams__in=teams)).values("pk")
    pool = path.rpartition("teams")[0] + "pk"
    return queryset.filter(**{f"{pool}__in": pools})


def _allows(permission: str, principal: Any, obj: Model | None = None) -> bool:
    return bool(permissions.has_perm(permission, principal, obj))  # type: ignore[no-untyped-call]


def _has_role(least: Role) -> Any:
    def has_role(principal: Any, obj: Model | None = None) -> bool:
        team_id = None if obj is None else team_id_of(obj)
        roles = roles_of(principal)
        if team_id is None:
            return any(role >= least for role in roles.values())
        return roles.get(team_id, 0) >= least

    is_at_least = predicates.Predicate(has_role, name=f"is at least {least.label}")
    return predicates.is_active & (predicates.is_superuser | is_at_least)


def _keeps_pool(principal: Any, pool: Pool | None = None) -> bool:
    """An admin of every team that the pool is reserved for; a shared pool is a superuser's."""
    mine = {team for team, role in roles_of(principal).items() if role >= Role.ADMIN}
    if pool is None:
        return bool(mine) and Pool.objects.filter(teams__in=mine).exists()
    teams = set(pool.teams.values_list("pk", flat=True))
    return bool(teams) and teams <= mine


for (_act, _model), _role in NEEDED.items():
    permissions.set_perm(permission_name(_act, _model), _has_role(_role))  # type: ignore[no-untyped-call]
_keeper = predicates.Predicate(_keeps_pool, name="is an admin of the pool's teams")
permissions.set_perm(  # type: ignore[no-untyped-call]
    "workers.pause_pool", predicates.is_active & (predicates.is_superuser | _keeper)
)
for _app in ("workflows", "workers"):
    permissions.set_perm(_app, _has_role(Role.VIEWER))  # type: ignore[no-untyped-call]
