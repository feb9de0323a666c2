"""Which of some hosts of a site file this machine is."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from camfan_config import LOCALHOST, host_label


def own_label(known: Iterable[str], machine: str | None = None) -> str | None:
    """The label that is this machine's name or address; None if there is not exactly one."""
    labels = list(known)
    name = host_label(socket.gethostname() if machine is None else machine)
    if name in labels:
        return name
    ours = [label for label in labels if _is_address_of_ours(label)]
    return ours[0] if len(ours) == 1 else None


def _is_address_of_ours(host: str) -> bool:
    """This machine has the address: a socket can be bound to it."""
    if host == LOCALHOST:
        return False
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not _is_address(family, host):
        return False
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def _is_address(family: socket.AddressFamily, host: str) -> bool:
    try:
        socket.inet_pton(family, host)
    except OSError:
        return False
    return True
