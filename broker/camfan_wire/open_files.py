"""How many files and connections a server may have open."""

from __future__ import annotations

import resource


def raise_open_files() -> None:
    """Allow as many as the system does; the soft limit of a process is often 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
