"""What should run, and what happened when it did."""

from workflows.models.alert import (
    AlertCase,
    AlertChannel,
    AlertDelivery,
    AlertEvent,
    AlertHappening,
    AlertRule,
)
from workflows.models.audit import AuditEntry
from workflows.models.connection import Connection
from workflows.models.lineage import TableUse, VersionLineage
from workflows.models.log import LogLine, RunLog
from workflows.models.preferences import Preferences, chosen_zone
from workflows.models.registration import Registration, RegistrationOutbox, RegistrationState
from workflows.models.retention import RetentionPolicy
from workflows.models.run import (
    FAILED_STATES,
    OPEN_STATES,
    TERMINAL_STATES,
    NodeRun,
    Run,
    RunState,
    Trigger,
)
from workflows.models.schedule import Schedule
from workflows.models.team import ApiToken, Membership, Role, Team
from workflows.models.version import WorkflowVersion
from workflows.models.workflow import Dependency, Node, Overlap, Workflow

__all__ = [
    "FAILED_STATES",
    "OPEN_STATES",
    "TERMINAL_STATES",
    "AlertCase",
    "AlertChannel",
    "AlertDelivery",
    "AlertEvent",
    "AlertHappening",
    "AlertRule",
    "ApiToken",
    "AuditEntry",
    "Connection",
    "Dependency",
    "LogLine",
    "Membership",
    "Node",
    "NodeRun",
    "Overlap",
    "Preferences",
    "Registration",
    "RegistrationOutbox",
    "RegistrationState",
    "RetentionPolicy",
    "Role",
    "Run",
    "RunLog",
    "RunState",
    "Schedule",
    "TableUse",
    "Team",
    "Trigger",
    "VersionLineage",
    "Workflow",
    "WorkflowVersion",
    "chosen_zone",
]
