"""What was imported also compiles, against the tables it was written for."""

from __future__ import annotations

import json

import pytest
from payloads import CORPUS
from test_legacy_corpus import cases

from workflows.services.deploying import compile_now
from workflows.services.editing import definition_of
from workflows.services.importing.legacy import import_payload

#: The table that this case reads is missing on purpose.
READS_NOTHING = "28_run_table_not_found"
#: Some tables have numbers of any width.
SAID_OF_TABLES = "value_may_not_fit"


@pytest.mark.parametrize("expected", cases(is_ok=True))
def test_an_imported_case_compiles_without_an_issue_of_its_own(team, seeded, expected):
    payload = json.loads((CORPUS / f"{expected['case']}.json").read_text())
    workflow = import_payload(payload, team=team, connections={"neondb": "warehouse"}).workflow
    compiled = compile_now(workflow, definition_of(workflow), 1)
    expected_codes = ["table_not_found"] if expected["case"] == READS_NOTHING else []
    found = [issue.code for issue in compiled.issues if issue.code != SAID_OF_TABLES]
    assert found == expected_codes
    assert compiled.plan is not None
