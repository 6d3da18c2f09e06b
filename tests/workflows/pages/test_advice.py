from __future__ import annotations

from engine.errors import EngineError
from workflows.pages.advice import ADVICE, advice


def test_the_cause_decides_what_to_do():
    assert "Test the connection" in advice("E_UNREACHABLE")


def test_the_general_failures_of_the_engine_have_advice_of_their_own():
    kinds_of_failure = {error.code for error in EngineError.__subclasses__()} - {"E_SKIPPED"}
    assert kinds_of_failure <= set(ADVICE) | {EngineError.code}


def test_an_unknown_code_leads_to_the_log():
    assert "log" in advice("E_OF_A_PLUGIN")


def test_the_code_of_an_issue_leads_to_what_changed():
    assert "what changed" in advice("unknown_column")
