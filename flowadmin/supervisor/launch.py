"""Run as a script by the supervisor: become another program that dies with its parent.

``launch.py PARENT SIGNAL UID GID COMMAND…``. A script between fork and exec, because code run
in a forked child of a process with threads may hang; it imports next to nothing. On Linux
the kernel sends SIGNAL when the parent ends, however it ends. The order matters: another
account may not read Python's own files, changing the account forgets the wish for SIGNAL, and a
parent that died before the wish was made would go unnoticed.
"""

import os
import sys
from collections.abc import Callable


def death_wish(signal: int) -> Callable[[], object]:
    """What asks the kernel for ``signal`` when the parent dies; nothing where it cannot."""
    if sys.platform != "linux":
        return lambda: None
    import ctypes

    prctl, parent_death_signal = ctypes.CDLL(None).prctl, 1
    return lambda: prctl(parent_death_signal, signal, 0, 0, 0)


def main(arguments: list[str]) -> None:
    parent, signal, uid, gid = (int(text) for text in arguments[:4])
    command = arguments[4:]
    wish = death_wish(signal)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    wish()
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"cannot start '{command[0]}': {error.strerror}")


main(sys.argv[1:])
