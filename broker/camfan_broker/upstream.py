"""Cameras of other sites, as the loop has them: what is asked for there, and what has come.

To the rest of the broker such a camera is one whose node is very near: it is told what is wanted,
and answers repairs. It is never given back to a site that it came through.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import zmq
from msgspec.structs import replace

from camfan_broker.board import Board
from camfan_broker.camera import Camera
from camfan_broker.fetch import Fetcher
from camfan_broker.late import late_entry
from camfan_broker.ring import Entry
from camfan_broker.uplink import Arrivals, Came, Granted, Passage, Stream
from camfan_config import Site, Upstream, UpstreamCamera
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.errors import WireError
from camfan_wire.header import encode_header
from camfan_wire.keys import ClientKeys, KeyFileError, from_hex, read_pair
from camfan_wire.link import Link, LinkUser
from camfan_wire.messages import Figures, Gap, Repair, Repaired, Status
from camfan_wire.topics import layer_of, status_topic

log = logging.getLogger(__name__)

STATUS_NS = 2_000_000_000
SELDOM = 0.01  # fps of a camera that was watched until a moment ago


@dataclass(frozen=True, slots=True)
class Need:
    """What somebody here wants of a camera."""

    watched: bool
    whole: bool = False  # every frame
    rate: float | None = None  # fps that are enough for those who watch; None: all
    trickle: float | None = None  # seconds between pictures while it is not; None: none at all


class Uplink:
    """All links to one other broker. Belongs to the loop's thread, which never waits for it."""

    def __init__(
        self,
        name: str,
        section: Upstream,
        site: str,
        cameras: Mapping[str, str],
        clock: SiteClock,
        arrivals: Arrivals,
    ) -> None:
        """`cameras`: their names there, by their names here. Raises KeyFileError."""
        self.name = name
        self.cameras = cameras
        self.was_connected = False
        self._section = section
        self._site = site
        self._put = arrivals.put
        self._keys = _keys(section)
        self._passages = {there: Passage(here, clock) for here, there in cameras.items()}
        self._live = Stream(self._passages, arrivals.put, idle=False)
        self._idle = Stream(self._passages, arrivals.put, idle=True)
        self._live.granted = self._granted
        self._fetchers: dict[str, Fetcher] = {}
        self._dial(self._live, site)
        self._dial(self._idle, f"{site}-idle")

    @property
    def connected(self) -> bool:
        return self._live.link.connected

    def trouble(self, camera: str) -> str | None:
        """Why a camera does not come, in words."""
        if not self.connected:
            return f"the broker of {self.name} does not answer"
        refused = self._live.refused.get(self.cameras[camera])
        return self._live.trouble or (None if refused is None else f"{self.name}: {refused}")

    def said(self, camera: str) -> Status | None:
        """What its node has said lately, on the other site."""
        return self._live.said(self.cameras[camera])

    def want(self, needs: Mapping[str, Need]) -> None:
        """From now on, this of each camera, by its name here."""
        watched = {self.cameras[name]: need for name, need in needs.items() if need.watched}
        idle = {
            self.cameras[name]: 1 / need.trickle
            for name, need in needs.items()
            if not need.watched and need.trickle is not None
        }
        for name, need in needs.items():
            self._passages[self.cameras[name]].whole = need.whole
        rates = [need.rate for need in watched.values()]
        known = [max(rate, SELDOM) for rate in rates if rate is not None]
        self._live.want(tuple(watched), max(known) if known and len(known) == len(rates) else None)
        self._idle.want(tuple(idle), max(idle.values(), default=None))

    def repair(self, request: Repair) -> bool:
        there = self.cameras[request.camera]
        fetcher = self._fetchers.get(there)
        if fetcher is None:
            fetcher = Fetcher(there, self._passages[there], self._put)
            self._fetchers[there] = fetcher
            self._dial(fetcher, f"{self._site}-{there}"[:64])
        return fetcher.ask(request)

    def close(self, *, wait: bool) -> None:
        """Ending a link takes as long as the network does: the loop does not wait for it."""
        links = [user.link for user in (self._live, self._idle, *self._fetchers.values())]
        threads = [threading.Thread(target=link.close, name="uplink ends") for link in links]
        for thread in threads:
            thread.start()
        for thread in threads if wait else ():
            thread.join()

    def _dial(self, user: LinkUser, name: str) -> None:
        Link(
            self._section.delivery,
            name=name,
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
        self._put(Granted(self.name, via))


def _keys(section: Upstream) -> ClientKeys | None:
    if section.key is None or section.server_key is None:
        return None
    return ClientKeys(read_pair(Path(section.key)), from_hex(section.server_key))


def _only(status: Status) -> Figures:
    """The figures of the one camera that a camera's node speaks of."""
    return next(iter(status.cameras.values()), {})


class Upstreams:
    """All of them. Belongs to the loop's thread."""

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        clock: SiteClock,
        board: Board,
        on_frame: Callable[[Camera, Entry], None],
        on_repair: Callable[[Camera], None],
        greet_sites: Callable[[], None],
    ) -> None:
        """`greet_sites`: has the brokers of other sites ask anew for what they take from here."""
        self.arrivals = Arrivals()
        self._cameras = cameras
        self._clock = clock
        self._board = board
        self._on_frame = on_frame
        self._on_repair = on_repair
        self._greet_sites = greet_sites
        self._by_name: dict[str, Uplink] = {}
        self._made_of: dict[str, object] = {}  # each uplink, to see whether that has changed
        self._by_camera: dict[str, Uplink | str] = {}  # or why there is none
        self._status_ns = 0

    def __contains__(self, camera: str) -> bool:
        return camera in self._by_camera

    def configure(self, site: Site) -> None:
        """As the site file says; what stays as it is goes on undisturbed."""
        wanted: dict[str, dict[str, str]] = {}
        for name, camera in site.cameras.items():
            if isinstance(camera, UpstreamCamera):
                wanted.setdefault(camera.upstream, {})[name] = camera.camera or name
        for name in list(self._by_name):
            if self._made_of[name] != (site.upstream.get(name), wanted.get(name)):
                self._by_name.pop(name).close(wait=False)
        self._by_camera = {}
        for name, cameras in wanted.items():
            self._by_camera |= dict.fromkeys(cameras, self._uplink(name, site, cameras))
            for here in cameras:
                self._cameras[here].via = self._cameras[here].via or ()

    def _uplink(self, name: str, site: Site, cameras: dict[str, str]) -> Uplink | str:
        if name in self._by_name:
            return self._by_name[name]
        section = site.upstream[name]
        try:
            made = Uplink(name, section, site.site, cameras, self._clock, self.arrivals)
        except KeyFileError as exc:
            log.error("upstream %s: %s", name, exc)
            return str(exc)
        self._by_name[name], self._made_of[name] = made, (section, cameras)
        return made

    def want(self, need: Callable[[str], Need]) -> None:
        """Ask for what is needed of each camera now."""
        for uplink in self._by_name.values():
            uplink.want({name: need(name) for name in uplink.cameras})

    def receive(self) -> None:
        """Take what has come."""
        for item in self.arrivals.take():
            if isinstance(item, Granted):
                self._granted(item)
                continue
            name = item.header.camera if isinstance(item, Came) else item.camera
            camera = self._cameras.get(name)
            if camera is None or name not in self._by_camera:
                continue  # it was on its way when the site file changed
            try:
                self._take(camera, item)
            except WireError as exc:
                camera.refused[exc.reason] += 1

    def _take(self, camera: Camera, item: Came | Gap | Repaired) -> None:
        if isinstance(item, Came) and not item.late:
            header, text = item.header, encode_header(item.header)
            layer = layer_of(header.sequence)
            camera.check(header, layer, item.jpeg.buffer)
            self._on_frame(
                camera, camera.accept(header, layer, text, item.jpeg, time.monotonic_ns())
            )
            return
        if isinstance(item, Came):
            text, topic = encode_header(item.header), item.header.topic
            camera.repairs.frame(late_entry(camera, [zmq.Frame(topic), zmq.Frame(text), item.jpeg]))
        elif isinstance(item, Gap):
            camera.repairs.gap(item)
        else:
            camera.repairs.repaired_to(item)
        self._on_repair(camera)

    def _granted(self, granted: Granted) -> None:
        uplink = self._by_name.get(granted.upstream)
        if uplink is None:
            return
        changed = False
        for name in uplink.cameras:
            camera, via = self._cameras[name], granted.via.get(name, ())
            changed = changed or camera.via != via
            camera.via = via
            if via:
                camera.repairs.camera_came(uplink.repair)
        if changed:
            self._greet_sites()

    def tick(self, now: int) -> None:
        """What the links cannot say by themselves: that they are cut; and how each camera is."""
        for uplink in self._by_name.values():
            if uplink.was_connected != uplink.connected:
                uplink.was_connected = not uplink.was_connected
                log.info("%s: %s", uplink.name, "answers" if uplink.connected else "is cut off")
                for name in uplink.cameras if not uplink.was_connected else ():
                    self._cameras[name].repairs.camera_left()
        if now >= self._status_ns:
            self._status_ns = now + STATUS_NS
            for name, uplink_or_why in self._by_camera.items():
                self._say(name, uplink_or_why)

    def _say(self, name: str, uplink: Uplink | str) -> None:
        """A status of the camera: what its node has said there, or why it is not heard."""
        trouble = uplink if isinstance(uplink, str) else uplink.trouble(name)
        said = None if isinstance(uplink, str) or trouble is not None else uplink.said(name)
        status = Status(
            node=name, kind="camera", time=time.time_ns(), state="waiting", message=trouble
        )
        if said is not None:
            status = replace(said, node=name, cameras=dict.fromkeys([name], _only(said)))
        elif trouble is None:
            status = replace(status, state="live")
        self._board.post(status_topic(name), messages.encode(status))
        if isinstance(uplink, str) or not uplink.connected:
            self._board.heard_ns.pop(name, None)  # we are heard, and not the camera

    def close(self) -> None:
        for uplink in self._by_name.values():
            uplink.close(wait=True)
        self.arrivals.close()
