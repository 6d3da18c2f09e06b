"""What a Config's validation found wrong, by setting; values may be secrets and stay out."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ValidationError

from engine.configuring import issue_of
from engine.errors import ConfigError
from engine.issue import Issue


class SettingsRefused(ConfigError):
    """``issues`` has one for each setting that is missing, unknown or of the wrong type."""

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__("; ".join(issue.message for issue in issues))
        self.issues = tuple(issues)


def refused(model: type[BaseModel], error: ValidationError) -> SettingsRefused:
    """To be raised from None: the error itself has the values."""
    found = error.errors(include_input=False, include_url=False)
    return SettingsRefused([issue_of(model, details) for details in found])
