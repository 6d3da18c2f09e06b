"""Definition → issues and, if none is an error, a plan.

Pure but for reading its arguments. Every finding is collected; what depends on something
already reported is left out, so that one mistake gives one issue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from engine.errors import AccessDenied, ConnectorError, EngineError, TableNotFound, Unreachable
from engine.graph import order, parse_configs, targets_of, upstream
from engine.issue import Issue, Severity
from engine.kind import AnyKind, Context, NodeConfig, Source, Target
from engine.plan import AFTER, Input, Plan, PlanConnection, Step, canonical_json
from engine.schema import Column, Schema
from engine.suggestion import unknown
from engine.transfer import Extraction, TableName
from workers.routing import Requirements
from workflows.definition import Definition, NodeDefinition

#: Prefect refuses parameters above 512 KB; a tenth is left for sealed secrets and tags.
PLAN_LIMIT_BYTES = 512 * 1024 * 9 // 10
#: Findings that say nothing about a node whose rows are looked at where they leave it.
_ABOUT_WHAT_FOLLOWS = {"unconnected", "no_target"}


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """What compiling needs to know of a connection: everything but its secrets."""

    connector: str
    options: Mapping[str, Any]
    revision: int = 1
    #: What its connector reaches; kinds of the same medium can use it.
    medium: str = "database"
    #: Whether its tables can be read, and fed, by what is new since the last run.
    reads_incrementally: bool = True
    keeps_watermarks: bool = True
    #: What its connector finds wrong with its settings, in words; empty = usable.
    problems: tuple[str, ...] = ()


class Catalog(Protocol):
    """Reads columns of real tables. Both methods raise ``ConnectorError``."""

    def columns(self, connection: str, extraction: Extraction) -> Schema: ...

    def target_columns(self, connection: str, table: TableName) -> Sequence[Column]: ...


@dataclass(frozen=True, slots=True)
class Compilation:
    """``plan`` is None if any issue is an error. Its secrets are not sealed yet."""

    plan: Plan | None
    issues: tuple[Issue, ...]
    #: Node key → columns at its output; None where they are not known.
    schemas: Mapping[str, Schema | None]
    requirements: Requirements
    #: What is sound of it: steps in order, the SQL of transforms, columns of targets' tables.
    steps: tuple[Step, ...] = ()
    sql: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Column] | None] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Issue, ...]:
        return _errors(self.issues)


@dataclass(slots=True)
class _Tables:
    """What the catalog answered, by node key."""

    sources: dict[str, Schema | None] = field(default_factory=dict)
    targets: dict[str, Sequence[Column] | None] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)


def compile_workflow(
    definition: Definition,
    *,
    workflow_id: str,
    version: int,
    connections: Mapping[str, ConnectionFacts],
    catalog: Catalog,
    kinds: Mapping[str, AnyKind],
    upto: str = "",
    allows_python: bool = False,
) -> Compilation:
    """Check a definition completely, and make a plan of it if it can run.

    With ``upto``, of that node and those before it only, whose rows may go nowhere.

    A table or database that cannot be read now gives a warning: it may be there when the
    workflow runs, and what depends on it is not typed.
    """
    from engine.columns.binding import bind  # brings DuckDB, which most web processes never need

    steps = _steps(definition, kinds)
    if upto:  # what only has to have ended before is not previewed
        steps = [s.model_copy(update={"after": ()}) for s in upstream(steps, upto)]
    ordered = order(steps, kinds)
    configs, config_issues = parse_configs(ordered.steps or steps, kinds)
    shape = [issue for issue in ordered.issues if not (upto and issue.code in _ABOUT_WHAT_FOLLOWS)]
    issues = [*shape, *config_issues, *_check_parameters(definition)]
    issues += _check_connections(configs, ordered.steps, connections, kinds)

    issues += _check_permission(steps, kinds, allows_python)
    issues += _check_incremental(configs, ordered.steps, connections, kinds)
    broken = {issue.node for issue in _errors(issues)}
    sound = [_parsed(step, configs) for step in ordered.steps if step.key not in broken]
    tables = _read_tables(sound, configs, catalog, kinds, definition.parameters)
    bound = bind(sound, tables.sources, kinds, definition.parameters, tables.targets)
    issues += [*tables.issues, *bound.issues]

    plan = None
    if not _errors(issues):
        plan = _plan(definition, workflow_id, version, sound, configs, connections, kinds)
        issues += _check_size(plan)
    return Compilation(
        plan=None if _errors(issues) else plan,
        issues=_in_order(issues, steps),
        schemas={step.key: bound.schemas.get(step.key) for step in steps},
        requirements=_requirements(definition, kinds),
        steps=tuple(sound),
        sql=bound.sql,
        tables=tables.targets,
    )


def _steps(definition: Definition, kinds: Mapping[str, AnyKind]) -> list[Step]:
    inputs: dict[str, list[Input]] = {}
    after: dict[str, list[str]] = {}
    for edge in definition.dependencies:
        if edge.target_port == AFTER:
            after.setdefault(edge.target, []).append(edge.source)
            continue
        inputs.setdefault(edge.target, []).append(
            Input(port=edge.target_port, step=edge.source, output=edge.source_port)
        )
    steps = [_step(node, tuple(inputs.get(node.key, ())), kinds) for node in definition.nodes]
    return [step.model_copy(update={"after": tuple(after.get(step.key, ()))}) for step in steps]


def _step(node: NodeDefinition, inputs: tuple[Input, ...], kinds: Mapping[str, AnyKind]) -> Step:
    return Step(
        key=node.key,
        name=node.name or node.key,
        kind=node.kind,
        kind_version=kinds[node.kind].version if node.kind in kinds else 1,
        config=node.config,
        inputs=inputs,
        retries=node.retries,
        retry_delay_seconds=node.retry_delay_seconds,
        timeout_seconds=node.timeout_seconds,
        checkpoint=node.checkpoint,
    )


def _parsed(step: Step, configs: Mapping[str, NodeConfig]) -> Step:
    """The step with every default of its kind's settings filled in."""
    config = configs[step.key].model_dump(mode="json", by_alias=True)
    return step.model_copy(update={"config": config})


def _check_parameters(definition: Definition) -> Iterator[Issue]:
    for name, value in definition.parameters.items():
        if not isinstance(value, str | int | float | bool | None):
            message = f"parameter '{name}' is a {type(value).__name__}; expected text, a number, "
            message += "true, false or null"
            yield Issue(code="parameter_invalid", message=message, field=f"parameters.{name}")


def _check_incremental(
    configs: Mapping[str, NodeConfig],
    steps: Sequence[Step],
    connections: Mapping[str, ConnectionFacts],
    kinds: Mapping[str, AnyKind],
) -> Iterator[Issue]:
    """Whether both ends of every incremental source can keep up with it."""
    steps = [step for step in steps if step.key in configs]
    for step in steps:
        kind = kinds[step.kind]
        if not isinstance(kind, Source) or kind.incremental(configs[step.key]) is None:
            continue
        ends = [(step, "reads_incrementally", "cannot be read incrementally")]
        ends += [
            (target, "keeps_watermarks", "keeps no watermarks, so nothing incremental can feed it")
            for target in targets_of(step, steps, kinds)
        ]
        for end, ability, lack in ends:
            for slug in kinds[end.kind].connections(configs[end.key]):
                if slug in connections and not getattr(connections[slug], ability):
                    message = f"connection '{slug}' {lack}; read all rows instead"
                    yield Issue(
                        code="not_incremental", message=message, node=step.key, field="incremental"
                    )


def _check_permission(
    steps: Sequence[Step], kinds: Mapping[str, AnyKind], allows_python: bool
) -> Iterator[Issue]:
    for step in steps:
        if not allows_python and step.kind in kinds and kinds[step.kind].is_unconfined:
            message = (
                f"the team may not use nodes of kind '{step.kind}', which can do whatever a "
                "worker can; let an administrator of FlowAdmin allow it to the team"
            )
            yield Issue(code="kind_not_allowed", message=message, node=step.key)


def _check_connections(
    configs: Mapping[str, NodeConfig],
    steps: Sequence[Step],
    connections: Mapping[str, ConnectionFacts],
    kinds: Mapping[str, AnyKind],
) -> Iterator[Issue]:
    for step in steps:
        if step.key not in configs:
            continue
        kind = kinds[step.kind]
        for slug in kind.connections(configs[step.key]):
            if slug not in connections:
                message = unknown("connection", slug, sorted(connections))
                yield _connection_issue("connection_missing", message, step.key)
            elif connections[slug].medium != kind.medium:
                message = _mismatch(kind, slug, connections[slug])
                yield _connection_issue("connector_mismatch", message, step.key)
            for problem in connections[slug].problems if slug in connections else ():
                message = f"connection '{slug}' cannot be used: {problem}"
                yield _connection_issue("connection_invalid", message, step.key)


def _mismatch(kind: AnyKind, slug: str, facts: ConnectionFacts) -> str:
    return (
        f"a node of kind '{kind.slug}' needs a connection to a medium '{kind.medium}', but "
        f"'{slug}' is one of connector '{facts.connector}' (medium '{facts.medium}'); "
        "choose another connection, or another kind of node"
    )


def _connection_issue(code: str, message: str, node: str) -> Issue:
    return Issue(code=code, message=message, node=node, field="connection")


def _read_tables(
    steps: Sequence[Step],
    configs: Mapping[str, NodeConfig],
    catalog: Catalog,
    kinds: Mapping[str, AnyKind],
    parameters: Mapping[str, Any],
) -> _Tables:
    found = _Tables()
    for step in steps:
        kind, config = kinds[step.kind], configs[step.key]
        slug = next(iter(kind.connections(config)), "")
        try:
            if isinstance(kind, Source) and slug:
                found.sources[step.key] = None
                extraction = kind.extraction(config, Context(parameters))
                found.sources[step.key] = catalog.columns(slug, extraction)
            elif isinstance(kind, Target) and slug:
                found.targets[step.key] = None
                found.targets[step.key] = catalog.target_columns(slug, kind.table(config))
        except EngineError as error:
            if isinstance(error, TableNotFound) and _is_made(kind, config):
                found.targets[step.key] = ()
                continue
            found.issues.append(_catalog_issue(error, config).at(step.key))
    return found


def _is_made(kind: AnyKind, config: NodeConfig) -> bool:
    """Whether a table that is not there is made when it is first written."""
    return isinstance(kind, Target) and kind.creates(config)


def _catalog_issue(error: EngineError, config: NodeConfig) -> Issue:
    read = "table" if getattr(config, "table", "") else "sql"
    severity = Severity.WARNING
    match error:
        case TableNotFound():
            code, where = "table_not_found", read
        case AccessDenied():
            code, where = "access_denied", "connection"
        case Unreachable():
            code, where = "catalog_unavailable", "connection"
        case ConnectorError(code="E_COLUMN_NOT_FOUND"):
            code, where, severity = "unknown_column", "columns", Severity.ERROR
        case ConnectorError():
            code, where = "catalog_unavailable", read
        case _:
            code, where, severity = "setting_invalid", read, Severity.ERROR
    return Issue(code=code, message=error.message, severity=severity, field=where)


def _plan(
    definition: Definition,
    workflow_id: str,
    version: int,
    steps: Sequence[Step],
    configs: Mapping[str, NodeConfig],
    connections: Mapping[str, ConnectionFacts],
    kinds: Mapping[str, AnyKind],
) -> Plan:
    used = {slug for step in steps for slug in kinds[step.kind].connections(configs[step.key])}
    return Plan(
        workflow_id=workflow_id,
        workflow_name=definition.name,
        workflow_version=version,
        steps=tuple(steps),
        connections={slug: _plan_connection(connections[slug]) for slug in sorted(used)},
        parameters=definition.parameters,
        timeout_seconds=definition.timeout_seconds,
    )


def _plan_connection(facts: ConnectionFacts) -> PlanConnection:
    return PlanConnection(
        connector=facts.connector, options=dict(facts.options), revision=facts.revision
    )


def _check_size(plan: Plan) -> Iterator[Issue]:
    size = len(canonical_json(plan.model_dump(mode="json")))
    if size > PLAN_LIMIT_BYTES:
        message = (
            f"the plan is {size / 1000:,.0f} KB; at most {PLAN_LIMIT_BYTES / 1000:,.0f} KB can be "
            "registered; split the workflow, or shorten its SQL and expressions"
        )
        yield Issue(code="plan_too_large", message=message)


def _requirements(definition: Definition, kinds: Mapping[str, AnyKind]) -> Requirements:
    used = [kinds[node.kind] for node in definition.nodes if node.kind in kinds]
    return Requirements(
        nodes=len(definition.nodes),
        database_nodes=sum(isinstance(kind, Source | Target) for kind in used),
        transforms=sum(kind.role == "transform" for kind in used),
        estimated_rows=definition.estimated_rows,
        needs_high_memory=definition.needs_high_memory,
        preferred_pool=definition.preferred_pool,
    )


def _errors(issues: Sequence[Issue]) -> tuple[Issue, ...]:
    return tuple(issue for issue in issues if issue.severity is Severity.ERROR)


def _in_order(issues: Sequence[Issue], steps: Sequence[Step]) -> tuple[Issue, ...]:
    """Errors first, then as the nodes are listed; what concerns the whole workflow leads."""
    place = {step.key: index for index, step in enumerate(steps)}
    return tuple(
        sorted(issues, key=lambda i: (i.severity is not Severity.ERROR, place.get(i.node, -1)))
    )
