"""Starts a command that cannot outlive its parent: `die_with_parent.py PARENT COMMAND …`.

The kernel kills this process when its parent dies, however it dies, and keeps doing so when this
process becomes the command. Standard library only, so that it starts in no time.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
EXIT_ORPHAN = 1


def main(parent: int, command: list[str]) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it died before the line above
        sys.exit(EXIT_ORPHAN)
    os.execv(command[0], command)  # noqa: S606 - a list that our parent built


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
