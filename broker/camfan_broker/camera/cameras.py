"""The cameras of the site, and the way of a frame through the broker.

A frame that has passed every check is accepted by the table, which hands it to its sinks. Nothing
goes back up: a sink knows the table, the table knows only the protocols below.
"""

from __future__ import annotations

import time
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Protocol

import zmq

from camfan_broker.access.board import NoticeBoard
from camfan_broker.camera.backlog import RepairMemory
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.ring import RingEntry
from camfan_config import Site
from camfan_config.site.pace import planned_pace
from camfan_wire.header import Header

OWN_BYTES = 48_000_000  # what the process takes without a frame
RINGS_SHARE = 0.75  # of the rest of the memory
REPAIR_SHARE = 0.125  # late frames; what remains is for frames that are under way


class FrameSink(Protocol):
    """Takes every frame that is accepted."""

    def frame_came(self, camera: TrackedCamera, entry: RingEntry) -> None:
        """A frame was accepted; it is the newest of its camera."""


class RepairSink(Protocol):
    """Is waiting for frames that were missed."""

    def repair_came(self, camera: TrackedCamera) -> None:
        """A late frame or a gap has come, or what was asked for will not come."""


class CameraTable(Mapping[str, TrackedCamera]):
    """Cameras by name. Belongs to the loop's thread; others may read its plain counts."""

    def __init__(self, board: NoticeBoard) -> None:
        self.frame_sinks: list[FrameSink] = []
        self.repair_sinks: list[RepairSink] = []
        self._board = board
        self._late = RepairMemory(0)
        self._cameras: dict[str, TrackedCamera] = {}
        self._repairing: list[TrackedCamera] = []

    def configure(self, site: Site) -> list[TrackedCamera]:
        """From now on, the cameras of this site; those that are new."""
        for_frames = max(site.broker.memory - OWN_BYTES, site.broker.memory // 2)
        self._late.limit_bytes = int(for_frames * REPAIR_SHARE)
        ring_bytes = int(for_frames * RINGS_SHARE) // max(len(site.cameras), 1)
        for name in [n for n in self._cameras if n not in site.cameras]:
            self._cameras.pop(name).repairs.close()
        added = []
        for name, section in site.cameras.items():
            if name not in self._cameras:
                made = TrackedCamera(name, ring_bytes, planned_pace(section), self._late)
                self._cameras[name] = made
                added.append(made)
            self._cameras[name].ring.limit_bytes = ring_bytes
        return added

    def accept(self, camera: TrackedCamera, header: Header, text: bytes, jpeg: zmq.Frame) -> None:
        """Take the next frame, which has passed every check, and hand it to the sinks."""
        entry = camera.accept(header, text, jpeg, time.monotonic_ns())
        for sink in self.frame_sinks:
            sink.frame_came(camera, entry)

    def repaired(self, camera: TrackedCamera) -> None:
        """What the repairs of this camera hold has changed."""
        for sink in self.repair_sinks:
            sink.repair_came(camera)

    def repair(self, now: int) -> None:
        """Ask cameras for what is missed, as far as it is time for it."""
        for camera in self._repairing:
            if camera.repairs.advance(now):
                self.repaired(camera)

    def repair_due_ns(self) -> int | None:
        """When `repair` has something to do; None if not before the next tick."""
        if not self._repairing:
            return None
        due = (camera.repairs.due_ns() for camera in self._repairing)
        return min((at for at in due if at is not None), default=None)

    def tick(self, now: int) -> None:
        for camera in self._cameras.values():
            camera.sample(now)
            camera.located = False  # its next frame may come by another connection
            last = self._board.last_frame(camera.name)
            look = last is not None and camera.has_taken(last, now)
            if look or (camera.repairs.active and camera.repairs.advance(now)):
                self.repaired(camera)
        self._repairing = [c for c in self._cameras.values() if c.repairs.active]

    # Other threads go through these views: those of a dict are read in one step.

    def items(self) -> ItemsView[str, TrackedCamera]:
        return self._cameras.items()

    def values(self) -> ValuesView[TrackedCamera]:
        return self._cameras.values()

    def __getitem__(self, name: str) -> TrackedCamera:
        return self._cameras[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._cameras)

    def __len__(self) -> int:
        return len(self._cameras)
