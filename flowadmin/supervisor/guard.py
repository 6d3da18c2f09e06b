"""Run as a script beside the supervisor: when that dies, end what it had started.

Reads ``+PID`` and ``-PID`` from its input: process groups that began and ended. The end of the
input is the end of the supervisor, however it came. The kernel has then told the leaders of the
groups to stop; children that they leave behind, or that wait for each other, are ended here.
"""

import os
import signal
import sys
import time
from contextlib import suppress

GRACE_SECONDS = 8


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    tell(groups, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and (groups := tell(groups, 0)):
        time.sleep(0.1)
    tell(groups, signal.SIGKILL)


def tell(groups: set[int], number: int) -> set[int]:
    """Send a signal to each group; those that were there."""
    there = set()
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
            there.add(group)
    return there


main()
