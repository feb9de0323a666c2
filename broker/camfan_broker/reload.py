"""Reload of the site file while the broker runs.

A thread of its own parses the file; the loop takes the result when it is there. A file with
mistakes changes nothing, and the answer lists the mistakes.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from camfan_broker.access.roster import Roster, read_roster
from camfan_config import (
    CamfanError,
    Hidden,
    Site,
    UpstreamCamera,
    hiding_errors,
    load_site,
)

log = logging.getLogger(__name__)

LATER = "changes take effect when the broker is restarted"
MOVED = "its new source takes effect when the broker is restarted; the file was not loaded"


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """The result of a reload, and the peer that asked for it."""

    site: Site | None
    roster: Roster | None
    problems: list[str]
    asked_by: bytes | None


class Reloader:
    """Reads on request; `outcomes` is emptied by the loop."""

    def __init__(
        self,
        path: Path,
        load: Callable[[Path], Site] = load_site,
        hidden: Hidden | None = None,
    ) -> None:
        """`hidden`: what the answer to the peer that asked must not contain."""
        self._path = path
        self._load = load
        self._hidden = hidden or Hidden()
        self.outcomes: queue.SimpleQueue[ReloadOutcome] = queue.SimpleQueue()

    def ask(self, asked_by: bytes | None = None) -> None:
        """Begin a reload; any thread, also a signal handler."""
        threading.Thread(target=self._read, args=(asked_by,), name="reload", daemon=True).start()

    def _read(self, asked_by: bytes | None) -> None:
        try:
            with hiding_errors(self._hidden):
                site = self._load(self._path)
                roster = None if site.security.keys is None else read_roster(site)
                outcome = ReloadOutcome(site, roster, [], asked_by)
        except CamfanError as exc:
            log.error("the site file was not loaded: %s", exc)
            outcome = ReloadOutcome(None, None, str(exc).splitlines(), asked_by)
        self.outcomes.put(outcome)


def changes(old: Site, new: Site) -> tuple[list[str], list[str]]:
    """What a running broker can change, and what it cannot; one line each."""
    taken = [f"camera {name} added" for name in new.cameras if name not in old.cameras]
    taken += [f"camera {name} removed" for name in old.cameras if name not in new.cameras]
    known = {**old.upstream, **new.upstream}
    taken += [f"upstream {n} changed" for n in known if old.upstream.get(n) != new.upstream.get(n)]
    refused = []
    if old.broker != new.broker or _bound_with(old) != _bound_with(new):
        refused.append(f"broker: and security: {LATER}")
    return taken, refused


def elsewhere(old: Site, new: Site) -> list[str]:
    """Cameras whose kind of source has changed, which a running broker cannot follow."""
    both = [name for name in new.cameras if name in old.cameras]
    moved = [n for n in both if _is_taken(old, n) != _is_taken(new, n)]
    return [f"camera {name}: {MOVED}" for name in moved]


def _is_taken(site: Site, camera: str) -> bool:
    return isinstance(site.cameras[camera], UpstreamCamera)


def _bound_with(site: Site) -> object:
    """The options that the sockets were made with."""
    security, limits = site.security, site.security.limits
    sizes = (limits.frame, limits.message, limits.topic)
    return security.keys, security.server_key, security.insecure, sizes


def key_changes(old: Roster | None, new: Roster | None) -> list[str]:
    """Names whose keys or rights have changed; one line each."""
    if old is None or new is None:
        return []
    had, has = old.names(), new.names()
    lines = [f"key of {name} added" for name in sorted(has.keys() - had.keys())]
    lines += [f"key of {name} revoked" for name in sorted(had.keys() - has.keys())]
    for name in sorted(had.keys() & has.keys()):
        lines += _key_change(name, had[name], has[name])
        if any(old.by_id[user] != new.by_id[user] for user in had[name] & has[name]):
            lines.append(f"rights of {name} changed")
    return lines


def _key_change(name: str, had: set[str], has: set[str]) -> list[str]:
    if not had & has:
        return [f"key of {name} replaced"]
    lines = [f"key of {name}: a second key is valid too"] if has - had else []
    return lines + ([f"key of {name}: the old key is revoked"] if had - has else [])
