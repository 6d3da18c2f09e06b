"""What to do about a failure, by its code; the message already says what is wrong."""

from __future__ import annotations

ADVICE = {
    "E_ACCESS_DENIED": "Check user, password and grants of the connection, then test it there.",
    "E_CHECKPOINT": "Retry once more: what could not be read back is made anew.",
    "E_CODE": "Correct the code of the node and save, then retry from the failed node.",
    "E_COLUMN_AMBIGUOUS": "Rename one of the columns before this node.",
    "E_COLUMN_NOT_FOUND": "The table changed since the last save: save the workflow to see where.",
    "E_COLUMN_TYPE": "The table changed since the last save: save the workflow to see where.",
    "E_ASSERTION": "Look at the rows that break the rule, and mend them where they come from.",
    "E_CONFIG": "Correct the setting of the node and save; an older version may be restored.",
    "E_CONNECTOR": "Look at the node's log, and test the connection on its page.",
    "E_DATABASE_NOT_FOUND": "Correct the database's name in the connection, then test it there.",
    "E_FIELDS_UNKNOWN": "Name the columns and their types in the node, and save.",
    "E_DISK_FULL": "Free space on the disk that the message names, then run again.",
    "E_EXPRESSION": "Correct the expression of the node and save.",
    "E_FILE": "Check the file and its path in the node; nothing of it was loaded.",
    "E_INTERRUPTED": "The process was stopped from outside. Nothing was loaded twice: run again.",
    "E_LOAD_CONSTRAINT": "Filter out or mend the rows before this node, or relax the constraint.",
    "E_LOAD_KEY_REPEATED": "Put a deduplicate node before the load, or choose other keys.",
    "E_LOOKUP": "Make the keys of the looked-up rows unique, or say what a miss shall give.",
    "E_MEMORY": "Choose a pool with more memory, or filter and select earlier.",
    "E_PAGE": "Look at an answer of the service, and correct the paths or the paging of the node.",
    "E_NOT_ALLOWED": "Ask the operator of the worker to allow it, or use other nodes.",
    "E_PLAN": "Register the workflow again; workers may be older than FlowAdmin.",
    "E_POOL_KEY": "Give the pool's workers its private key, and register the workflow again.",
    "E_QUERY": "Run the query by hand against the connection's database.",
    "E_SEALED": "Register the workflow again: its secrets were sealed for another key.",
    "E_TABLE_NOT_FOUND": "Create the table, or correct its name or schema in the node.",
    "E_TIMEOUT": "Give the node more time, or read fewer rows.",
    "E_UNREACHABLE": "Test the connection on its page. If the server was away, run again.",
    "E_VALUE": "Filter out the rows with that value before this node, or cast them with care.",
    "E_VANISHED": "It was deleted in Prefect. Run again if its rows are missing.",
}
#: For codes of issues, which a save would have found.
_ISSUE = (
    "A table is not as it was when the workflow was saved: see below what changed. Save the "
    "workflow to see which nodes it concerns."
)
_OTHERWISE = "Look at the log for what happened before, then run again."


def advice(code: str) -> str:
    return _ISSUE if code.islower() else ADVICE.get(code, _OTHERWISE)
