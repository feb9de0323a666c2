"""Messages to systemd (sd_notify(3)); without effect where there is no systemd."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Send lines such as READY=1, WATCHDOG=1 or STATUS=… to the service manager."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.setblocking(False)
        try:
            channel.sendto(state.encode(), address)
        except OSError:
            return  # a manager that does not listen must not make the process fail or wait
