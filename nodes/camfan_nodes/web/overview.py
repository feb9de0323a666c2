"""What the site page and the API report of the site, as far as the user may see it.

A user of some cameras sees these, the nodes that run them, and whether the broker answers; no sum,
name or sentence reveals that there are others.
"""

from __future__ import annotations

import time
from collections import deque

from msgspec import Struct

from camfan_config import EncodingCamera
from camfan_nodes.monitor.facts import CameraFacts, NodeFacts, SiteFacts, gather
from camfan_nodes.monitor.last_status import LastStatus, LastStatuses
from camfan_nodes.web.hub import Hub
from camfan_nodes.web.ledger import FrameHop, ReaderAccount, hops, readers
from camfan_nodes.web.principals import Principal
from camfan_wire.figures import MachineFigures, RecorderFigures
from camfan_wire.states import TROUBLE, CameraState, live_text

START_S = 5.0  # after the start, until a node that was not heard counts as missing
MINUTE_S = 60.0


class CameraInfo(Struct, frozen=True, kw_only=True):
    """One camera. Unknown is null, never 0."""

    name: str
    title: str  # its name if it has none
    state: CameraState
    stale_after_ms: float | None  # without a new frame for this time it is stale
    trouble: str  # why it is not live, or what was wrong last; may be empty
    fps: float | None
    age_ms: float | None  # of its newest picture: at the broker, or now if it is not live
    age_error_ms: float | None
    lost: int | None  # frames that are gone for good
    lost_where: str  # by hop and reason, in words; may be empty
    lost_last_minute: int
    moving: bool
    recorded_until: float | None  # ms on the site's clock; null: not recorded, or not known
    recorders: int
    set_fps: float | None  # of the site file; null: the source's own
    set_quality: int | None  # of the site file; null: it does not encode


class NodeInfo(Struct, frozen=True, kw_only=True):
    """One process of the site."""

    name: str
    kind: str
    host: str
    state: str
    message: str
    well: bool
    uptime_s: float | None  # of a camera's node
    memory_bytes: int | None  # of the broker
    machine: MachineFigures | None  # that it runs on
    recorder: RecorderFigures | None  # of a recorder


class Overview(Struct, frozen=True, kw_only=True):
    """The whole site, as far as the user may see it."""

    site: str
    camfan: str
    time: float  # ms on the site's clock
    time_error: float | None  # its bound, ms; null while the clock is not known
    connected: bool  # the broker answers
    sentence: str  # 14 of 16 live
    needs: list[str]
    cameras: list[CameraInfo]
    nodes: list[NodeInfo]
    hops: list[FrameHop]
    readers: list[ReaderAccount]


class RecentLosses:
    """How much each camera's count of lost frames grew in the last minute."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def note(self, camera: str, lost: int | None, now_s: float) -> int:
        seen = self._seen.setdefault(camera, deque())
        if lost is not None:
            if seen and lost < seen[-1][1]:
                seen.clear()  # the counter has started again
            if not seen or lost != seen[-1][1]:
                seen.append((now_s, lost))
        while len(seen) > 1 and now_s - seen[1][0] > MINUTE_S:
            seen.popleft()
        if len(seen) < 2:
            return 0
        return seen[-1][1] - seen[0][1]


class Overviews:
    """Made of the last statuses of the nodes; belongs to the event loop."""

    def __init__(self, hub: Hub, version: str) -> None:
        self._hub = hub
        self._version = version
        self._heard = LastStatuses()
        self._losses = RecentLosses()
        self._settled_s = time.monotonic() + START_S
        self._lost_lately: dict[str, int] = {}
        self._words: dict[str, LastStatus] = {}
        self.facts: SiteFacts
        self.refresh()

    def refresh(self) -> None:
        """To be called about once a second."""
        now_s = time.monotonic()
        self._heard.update(self._hub.statuses, now_s)
        self._words = self._heard.words(now_s)
        self.facts = gather(
            self._hub.site,
            self._words,
            self._hub.moving,
            connected=self._hub.connected,
            settled=now_s >= self._settled_s,
            trouble=self._hub.trouble,
        )
        self._lost_lately = {
            camera.name: self._losses.note(camera.name, camera.lost, now_s)
            for camera in self.facts.cameras
        }

    def overview(self, principal: Principal) -> Overview:
        facts = self.facts
        cameras = self.cameras(principal)
        return Overview(
            site=facts.site,
            camfan=self._version,
            time=self._hub.site_ns() / 1e6,
            time_error=self._hub.clock_error_ms(),
            connected=facts.connected,
            sentence=_sentence(cameras),
            needs=self.needs(principal),
            cameras=cameras,
            nodes=[self._node(node, principal) for node in self._nodes(principal)],
            hops=hops(self._hub.site, self._words) if principal.sees_all else [],
            readers=readers(facts) if principal.sees_all else [],
        )

    def cameras(self, principal: Principal) -> list[CameraInfo]:
        """In the order of the site file."""
        known = {camera.name: camera for camera in self.facts.cameras}
        return [self._camera(known[name]) for name in principal.cameras]

    def answers(self, node: str) -> bool:
        """This node has reported lately."""
        word = self._words.get(node)
        return self._hub.connected and word is not None and not word.gone

    def needs(self, principal: Principal) -> list[str]:
        """What needs attention, worst first."""
        if principal.sees_all:
            return list(self.facts.needs)
        if not self.facts.connected:
            return ["the broker does not answer"]
        return [
            f"{camera.title} is {camera.state}"
            for camera in self.facts.cameras
            if camera.name in principal.cameras and camera.state in TROUBLE
        ]

    def _camera(self, facts: CameraFacts) -> CameraInfo:
        section = self._hub.site.cameras[facts.name]
        until = facts.recorded_until_ns
        return CameraInfo(
            name=facts.name,
            title=facts.title,
            state=facts.state,
            stale_after_ms=None if facts.limits is None else 1000 * facts.limits.stale_s,
            trouble=facts.trouble,
            fps=facts.fps,
            age_ms=None if facts.age_s is None else round(facts.age_s * 1000, 1),
            age_error_ms=None if facts.age_s is None else round(facts.error_s * 1000, 1),
            lost=facts.lost,
            lost_where=facts.lost_where,
            lost_last_minute=self._lost_lately.get(facts.name, 0),
            moving=facts.moving,
            recorded_until=None if until is None else until / 1e6,
            recorders=facts.recorders,
            set_fps=section.fps,
            set_quality=section.quality if isinstance(section, EncodingCamera) else None,
        )

    def _nodes(self, principal: Principal) -> list[NodeFacts]:
        if principal.sees_all:
            return list(self.facts.nodes)
        return [
            node
            for node in self.facts.nodes
            if node.kind in ("broker", "web")
            or (node.kind == "camera" and node.name in principal.cameras)
        ]

    def _node(self, facts: NodeFacts, principal: Principal) -> NodeInfo:
        word = self._words.get(facts.name)
        own = principal.sees_all or facts.kind == "camera"
        status = word.status if own and word is not None else None
        publisher = None if status is None else status.publisher
        broker = None if status is None else status.broker
        return NodeInfo(
            name=facts.name,
            kind=facts.kind,
            host=facts.host if own else "",
            state=facts.state,
            message=facts.message if own else "",
            well=facts.well,
            uptime_s=None if publisher is None else publisher.uptime_s,
            memory_bytes=None if broker is None else broker.memory_bytes,
            machine=None if status is None else status.machine,
            recorder=None if status is None else status.recorder,
        )


def _sentence(cameras: list[CameraInfo]) -> str:
    return live_text(one.state for one in cameras)
