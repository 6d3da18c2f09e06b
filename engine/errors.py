"""Everything the engine raises.

EngineError
├── ConfigError        a node's config is not what its kind takes
├── ExpressionError    an expression does not parse, or uses what is not allowed
├── ConnectorError     a database, file store or service did not do as asked
│   ├── Unreachable        no answer at the address
│   ├── AccessDenied       the credentials or rights do not suffice
│   ├── TableNotFound      the table is not there
│   └── LoadRefused        the target refused the rows (constraint, type, length)
├── StepFailed         a step of a plan failed; names the node
├── Skipped            a step did not run, because one before it failed
├── Interrupted        the run was told to stop
├── CodeFailed         a function of a user's failed, or returned something else
├── CheckpointLost     rows that an earlier run kept cannot be read back
└── PlanError          a plan cannot be read (version, fingerprint, sealed secret)
"""

from __future__ import annotations


class EngineError(Exception):
    """The engine could not do what it was asked.

    ``code`` is stable and documented; ``permanent`` says that a retry cannot help.
    """

    code = "E_ENGINE"
    permanent = False

    def __init__(self, message: str = "", *, code: str = "", permanent: bool | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        if code:
            self.code = code
        if permanent is not None:
            self.permanent = permanent

    @property
    def message(self) -> str:
        return str(self.args[0])


class ConfigError(EngineError):
    """The config is not what the kind takes."""

    code = "E_CONFIG"
    permanent = True


class ExpressionError(EngineError):
    """The expression cannot be used.

    ``offset`` is where, in characters from 0; ``finding`` is the code of the issue it makes.
    """

    code = "E_EXPRESSION"
    permanent = True

    def __init__(
        self, message: str = "", *, finding: str = "expression_syntax", offset: int = 0
    ) -> None:
        super().__init__(message)
        self.finding = finding
        self.offset = offset


class ConnectorError(EngineError):
    """The other side did not do as asked."""

    code = "E_CONNECTOR"


class Unreachable(ConnectorError):
    """Nothing answers at the address."""

    code = "E_UNREACHABLE"


class AccessDenied(ConnectorError):
    """The credentials or rights do not suffice."""

    code = "E_ACCESS_DENIED"
    permanent = True


class TableNotFound(ConnectorError):
    """The table is not there."""

    code = "E_TABLE_NOT_FOUND"
    permanent = True


class LoadRefused(ConnectorError):
    """The target refused the rows."""

    code = "E_LOAD_CONSTRAINT"
    permanent = True


class PlanError(EngineError):
    """The plan cannot be executed here."""

    code = "E_PLAN"
    permanent = True


class CodeFailed(EngineError):
    """A function of a user's failed, or returned something else."""

    code = "E_CODE"
    permanent = True


class CheckpointLost(EngineError):
    """Rows that an earlier run kept cannot be read back."""

    code = "E_CHECKPOINT"
    permanent = True


class StepFailed(EngineError):
    """A step failed; ``step`` is its node's key, ``code`` that of the cause."""

    def __init__(self, step: str, message: str, *, code: str, permanent: bool = False) -> None:
        super().__init__(message, code=code, permanent=permanent)
        self.step = step

    def __str__(self) -> str:
        return f"{self.code}: node '{self.step}': {self.message}"


class Skipped(EngineError):
    """The step did not run, because one before it failed; never retried."""

    code = "E_SKIPPED"
    permanent = True


class Interrupted(EngineError):
    """The run was told to stop."""

    code = "E_INTERRUPTED"
    permanent = True
