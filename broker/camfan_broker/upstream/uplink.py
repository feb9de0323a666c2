"""All links to the broker of another site, each on a thread of its own.

A camera comes by one of two links: that of the cameras that are watched here, or that of the idle
ones, which send a frame now and then and do not count as watched there. Both bring the newest
frames; what a reader here misses comes by a third link, of that camera alone (`repair.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from camfan_broker.upstream.camera_map import UpstreamCameraMap
from camfan_broker.upstream.inbox import UpstreamGrant, UpstreamInbox
from camfan_broker.upstream.latest import UpstreamLatest
from camfan_broker.upstream.repair import UpstreamRepair
from camfan_config import Limits, Upstream
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.keys import ClientKeys, from_hex, read_pair
from camfan_wire.link import Link, LinkUser
from camfan_wire.messages import Repair, Status

SELDOM = 0.01  # fps of a camera that was watched until a moment ago


@dataclass(frozen=True, slots=True)
class CameraNeed:
    """What is wanted here of a camera."""

    watched: bool
    whole: bool = False  # every frame
    rate: float | None = None  # fps that are enough while it is watched; None: all frames
    trickle: float | None = None  # seconds between frames while it is not; None: no frames


class Uplink:
    """All links to one other broker. Belongs to the loop's thread, which never waits for a link."""

    def __init__(
        self,
        name: str,
        section: Upstream,
        site: str,
        cameras: Mapping[str, str],
        clock: SiteClock,
        inbox: UpstreamInbox,
        limits: Limits,
        before: Uplink | None = None,
    ) -> None:
        """`cameras`: their names there, by their names here; `before`: what this takes the place
        of. Raises KeyFileError.
        """
        self.name = name
        self.cameras = cameras
        self.was_connected = False
        self.here: set[str] = set()  # cameras that can be asked for missed frames
        self._section = section
        self._site = site
        self._put = inbox.put
        self._keys = _keys(section)
        had = {p.local: p for p in before._maps.values()} if before is not None else {}
        self._maps: dict[str, UpstreamCameraMap] = {
            there: had.get(here) or UpstreamCameraMap(here, clock, limits)
            for here, there in cameras.items()
        }
        self._live = UpstreamLatest(self._maps, inbox.put, idle=False, granted=self._granted)
        self._idle = UpstreamLatest(self._maps, inbox.put, idle=True)
        self._fetchers: dict[str, UpstreamRepair] = {}
        self._dial(self._live, site)
        self._dial(self._idle, f"{site}-idle")

    @property
    def connected(self) -> bool:
        return self._live.link.connected

    def trouble(self, camera: str) -> str | None:
        """Why frames of a camera do not come, as text; None if they do."""
        if not self.connected:
            why = self._live.link.trouble
            return f"{self.name}: {why}" if why else f"the broker of {self.name} does not answer"
        refused = self._live.refused.get(self.cameras[camera])
        return self._live.trouble or (None if refused is None else f"{self.name}: {refused}")

    def said(self, camera: str) -> Status | None:
        """The last status of its node, on the other site."""
        return self._live.said(self.cameras[camera])

    def want(self, needs: Mapping[str, CameraNeed]) -> None:
        """From now on this is wanted, by the names of the cameras here."""
        watched = {self.cameras[name]: need for name, need in needs.items() if need.watched}
        idle = {
            self.cameras[name]: 1 / need.trickle
            for name, need in needs.items()
            if not need.watched and need.trickle is not None
        }
        for name, need in needs.items():
            self._maps[self.cameras[name]].whole = need.whole
        rates = [need.rate for need in watched.values()]
        known = [max(rate, SELDOM) for rate in rates if rate is not None]
        self._live.want(tuple(watched), max(known) if known and len(known) == len(rates) else None)
        self._idle.want(tuple(idle), max(idle.values(), default=None))

    def limit(self, limits: Limits) -> None:
        """From now on, frames within these limits are accepted."""
        for camera_map in self._maps.values():
            camera_map.limits = limits

    def repair(self, request: Repair) -> bool:
        there = self.cameras[request.camera]
        fetcher = self._fetchers.get(there)
        if fetcher is None:
            fetcher = UpstreamRepair(there, self._maps[there], self._put)
            self._fetchers[there] = fetcher
            self._dial(fetcher, f"{self._site}-{there}")
        return fetcher.ask(request)

    def close(self, *, wait: bool) -> None:
        """End the links; without `wait`, on threads, because that takes as long as the network."""
        links = [user.link for user in (self._live, self._idle, *self._fetchers.values())]
        threads = [threading.Thread(target=link.close, name="uplink ends") for link in links]
        for thread in threads:
            thread.start()
        for thread in threads if wait else ():
            thread.join()

    def _dial(self, user: LinkUser, name: str) -> None:
        Link(
            self._section.delivery,
            name=name[:64],
            kind="broker",
            user=user,
            site=self._site,
            keys=self._keys,
        )

    def _granted(self, ready: messages.Ready) -> None:
        """On the link's thread."""
        origin = self._live.site or self.name
        via = {
            here: (*ready.via.get(there, ()), origin)
            for here, there in self.cameras.items()
            if there not in ready.refused
        }
        self._put(UpstreamGrant(self.name, via))


def _keys(section: Upstream) -> ClientKeys | None:
    if section.key is None or section.server_key is None:
        return None
    file = Path(section.key)
    return ClientKeys(read_pair(file), from_hex(section.server_key), file)
