"""The automation that ends runs whose process died without a word."""

from __future__ import annotations

from typing import Any

#: What a run's process says every ``PREFECT_FLOWS_HEARTBEAT_FREQUENCY`` seconds.
HEARTBEAT = "prefect.flow-run.heartbeat"
ZOMBIES = "flowadmin: crash silent runs"
#: Two heartbeats of 30 s may be missed, and one may be late.
SILENCE_SECONDS = 75

_ENDS = ("Completed", "Failed", "Cancelled", "Crashed")


def zombie_automation() -> dict[str, Any]:
    """After one heartbeat expect the next, or an end; else the run has crashed."""
    return {
        "name": ZOMBIES,
        "description": "Marks a run as crashed when its process gives no sign of life.",
        "enabled": True,
        "trigger": {
            "type": "event",
            "posture": "Proactive",
            "after": [HEARTBEAT],
            "expect": [HEARTBEAT, *(f"prefect.flow-run.{end}" for end in _ENDS)],
            "match": {"prefect.resource.id": ["prefect.flow-run.*"]},
            "for_each": ["prefect.resource.id"],
            "threshold": 1,
            "within": SILENCE_SECONDS,
        },
        "actions": [
            {
                "type": "change-flow-run-state",
                "state": "CRASHED",
                "message": f"no sign of life from the run's process for {SILENCE_SECONDS} s",
            }
        ],
    }
