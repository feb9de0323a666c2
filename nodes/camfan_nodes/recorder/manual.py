"""Recordings that are started and stopped by hand: each is an event, with a name or without."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from camfan_nodes.recorder.clipping import MANUAL
from camfan_wire.messages import Event, EventState, Record

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _ManualRecording:
    event: Event  # its start
    until_s: float | None  # monotonic; None: until it is stopped


class ManualRecordings:
    """Those of one recorder that are under way; one of each camera at a time."""

    def __init__(
        self, recorder: str, site_ns: Callable[[], int], publish: Callable[[Event], None]
    ) -> None:
        self._recorder = recorder
        self._site_ns = site_ns
        self._publish = publish
        self._lasting: dict[str, _ManualRecording] = {}  # by camera

    def take(self, wish: Record, now_s: float) -> None:
        """Start or stop one. A start while one lasts ends that one first."""
        self._stop(wish.camera)
        if not wish.on:
            return
        until_s = None if wish.seconds is None else now_s + wish.seconds
        name = wish.name or "recording"
        start = self._event(wish.camera, secrets.token_hex(8), "start", {"name": name})
        self._lasting[wish.camera] = _ManualRecording(start, until_s)
        log.info("%s: recording %r started", wish.camera, name)
        self._publish(start)

    def tick(self, now_s: float) -> None:
        """End those whose time is over."""
        for camera, manual in list(self._lasting.items()):
            if manual.until_s is not None and now_s >= manual.until_s:
                self._stop(camera)

    def close(self) -> None:
        """End them all."""
        for camera in list(self._lasting):
            self._stop(camera)

    def _stop(self, camera: str) -> None:
        manual = self._lasting.pop(camera, None)
        if manual is not None:
            start = manual.event
            log.info("%s: recording %r stopped", camera, start.details["name"])
            self._publish(self._event(camera, start.id, "end", start.details))

    def _event(
        self, camera: str, event: str, state: EventState, details: dict[str, object]
    ) -> Event:
        return Event(
            id=event,
            time=self._site_ns(),
            source=self._recorder,
            kind=MANUAL,
            state=state,
            camera=camera,
            details=details,
        )
