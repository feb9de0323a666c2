"""What every node of camfan does as a process: handles signals, and reports to systemd."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

from camfan_config.text.printable import printable
from camfan_wire.notify import notify


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set. To be called on the main thread."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def started_s() -> float:
    """When this process was started, on the monotonic clock; now where the system does not say."""
    try:
        words = Path("/proc/self/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        started = int(words[19]) / os.sysconf("SC_CLK_TCK")  # since the boot; see proc(5)
        return time.monotonic() - (time.clock_gettime(time.CLOCK_BOOTTIME) - started)
    except (OSError, ValueError, IndexError, AttributeError):
        return time.monotonic()


def notify_ready() -> None:
    notify("READY=1")


def notify_watchdog() -> None:
    """Feed the watchdog; to be called where the work is done, never from a timer."""
    notify("WATCHDOG=1")


def notify_status(text: str) -> None:
    """One line for `systemctl status`."""
    notify(f"STATUS={printable(text)}")  # a line break would begin another variable


def notify_stopping() -> None:
    notify("STOPPING=1")
