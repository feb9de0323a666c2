"""Cameras of other sites in the loop: what is asked for there, and what has come.

For the rest of the broker such a camera is one whose node is in this process: it learns what is
wanted, and answers repairs. It is never sent to a site that it came through.
"""

from __future__ import annotations

import logging
import time

from msgspec.structs import replace

from camfan_broker.access.board import NoticeBoard
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.cameras import CameraTable
from camfan_broker.camera.demand import DemandTable
from camfan_broker.camera.late_frame import late_entry
from camfan_broker.delivery.greeter import Greeter
from camfan_broker.upstream.inbox import (
    UpstreamFrame,
    UpstreamGrant,
    UpstreamInbox,
    UpstreamRefusal,
)
from camfan_broker.upstream.uplink import CameraNeed, Uplink
from camfan_config import Site, UpstreamCamera
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.errors import WireError
from camfan_wire.header import encode_header
from camfan_wire.keys import KeyFileError
from camfan_wire.messages import Demand, Gap, Repaired, Status
from camfan_wire.topics import LAYERS, status_topic

log = logging.getLogger(__name__)

STATUS_NS = 2_000_000_000


def _need(demands: DemandTable, camera: str) -> CameraNeed:
    wishes = demands.wishes(camera)
    return CameraNeed(
        watched=demands.layers(camera) > 0,
        whole=wishes.whole,
        rate=None if wishes.whole else wishes.rate,
        trickle=demands.trickle(camera),
    )


class Upstreams:
    """All links to other sites. Belongs to the loop's thread."""

    def __init__(
        self,
        cameras: CameraTable,
        clock: SiteClock,
        board: NoticeBoard,
        greeter: Greeter,
    ) -> None:
        self.inbox = UpstreamInbox()
        self._cameras = cameras
        self._clock = clock
        self._board = board
        self._greeter = greeter
        self._by_name: dict[str, Uplink] = {}
        self._made_of: dict[str, object] = {}  # each uplink, to see whether that has changed
        self._by_camera: dict[str, Uplink | str] = {}  # or why there is none
        self._status_ns = 0

    def __contains__(self, camera: str) -> bool:
        return camera in self._by_camera

    def configure(self, site: Site) -> None:
        """From now on, as this site file says; unchanged links stay open."""
        wanted: dict[str, dict[str, str]] = {}
        for name, camera in site.cameras.items():
            if isinstance(camera, UpstreamCamera):
                wanted.setdefault(camera.upstream, {})[name] = camera.camera or name
        before: dict[str, Uplink] = {}
        for name in list(self._by_name):
            if self._made_of[name] != (site.upstream.get(name), wanted.get(name)):
                before[name] = self._by_name.pop(name)
                before[name].close(wait=False)
        self._by_camera = {}
        for uplink in self._by_name.values():
            uplink.limit(site.security.limits)
        for name, cameras in wanted.items():
            self._by_camera |= dict.fromkeys(
                cameras, self._uplink(name, site, cameras, before.get(name))
            )
            for here in cameras:
                self._cameras[here].via = self._cameras[here].via or ()

    def _uplink(
        self, name: str, site: Site, cameras: dict[str, str], before: Uplink | None
    ) -> Uplink | str:
        """The links to an upstream, or why there are none."""
        if name in self._by_name:
            return self._by_name[name]
        section = site.upstream[name]
        try:
            made = Uplink(
                name,
                section,
                site.site,
                cameras,
                self._clock,
                self.inbox,
                site.security.limits,
                before,
            )
        except KeyFileError as exc:
            log.error("upstream %s: %s", name, exc)
            return str(exc)
        self._by_name[name], self._made_of[name] = made, (section, cameras)
        return made

    def demand_changed(self, camera: TrackedCamera, demand: Demand) -> None:  # noqa: ARG002 - see `want`
        """Frames of all layers are expected: the other site says what it leaves out."""
        if camera.name in self._by_camera:
            camera.listens_to(LAYERS, time.monotonic_ns())

    def want(self, demands: DemandTable) -> None:
        """Ask the other sites for what is wanted now."""
        for uplink in self._by_name.values():
            uplink.want({name: _need(demands, name) for name in uplink.cameras})

    def receive(self) -> None:
        """Take what the links have brought."""
        for item in self.inbox.take():
            if isinstance(item, UpstreamGrant):
                self._granted(item)
                continue
            name = item.header.camera if isinstance(item, UpstreamFrame) else item.camera
            camera = self._cameras.get(name)
            if camera is None or name not in self._by_camera:
                continue  # it was under way when the site file changed
            try:
                self._take(camera, item)
            except WireError as exc:
                camera.refuse(exc, time.monotonic_ns())

    def _take(
        self, camera: TrackedCamera, item: UpstreamFrame | UpstreamRefusal | Gap | Repaired
    ) -> None:
        if isinstance(item, UpstreamRefusal):
            raise item.error
        if isinstance(item, UpstreamFrame):
            header, text = item.header, encode_header(item.header)
            if not item.late:
                camera.check_order(header)
                if header.run != camera.run:
                    camera.check_run(header)
                self._cameras.accept(camera, header, text, item.jpeg)
                return
            camera.repairs.frame(late_entry(camera, header, text, item.jpeg))
        elif isinstance(item, Gap):
            camera.repairs.gap(item)
        else:
            camera.repairs.repaired_to(item)
        self._cameras.repaired(camera)

    def _granted(self, granted: UpstreamGrant) -> None:
        uplink = self._by_name.get(granted.upstream)
        if uplink is None:
            return
        changed = False
        for name in uplink.cameras:
            camera, via = self._cameras[name], granted.via.get(name, ())
            changed = changed or camera.via != via
            camera.via = via
            if via and name not in uplink.here:
                uplink.here.add(name)
                camera.repairs.camera_came(uplink.repair)
        if changed:
            self._greeter.welcome_sites()

    def tick(self, now: int) -> None:
        """Notice links that were cut, and publish the status of each camera."""
        for uplink in self._by_name.values():
            if uplink.was_connected != uplink.connected:
                uplink.was_connected = not uplink.was_connected
                log.info("%s: %s", uplink.name, "answers" if uplink.connected else "is cut off")
                if not uplink.was_connected:
                    for name in uplink.here:
                        self._cameras[name].repairs.camera_left()
                    uplink.here.clear()
        if now >= self._status_ns:
            self._status_ns = now + STATUS_NS
            for name, uplink_or_why in self._by_camera.items():
                self._say(name, uplink_or_why)

    def _say(self, name: str, uplink: Uplink | str) -> None:
        """Publish a status of the camera: that of its node there, or why frames do not come."""
        trouble = uplink if isinstance(uplink, str) else uplink.trouble(name)
        said = None if isinstance(uplink, str) or trouble is not None else uplink.said(name)
        status = Status(
            node=name, kind="camera", time=time.time_ns(), state="waiting", message=trouble
        )
        if said is not None:
            status = replace(said, node=name)
        elif trouble is None:
            status = replace(status, state="live")
        self._board.post(status_topic(name), messages.encode(status))
        if isinstance(uplink, str) or not uplink.connected:
            self._board.heard_ns.pop(name, None)  # the status is ours, not that of the camera

    def close(self) -> None:
        for uplink in self._by_name.values():
            uplink.close(wait=True)
        self.inbox.close()
