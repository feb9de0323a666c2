"""The source `rtsp`: a network camera, decoded by OpenCV and encoded here.

One process, one camera: FFmpeg's options are the environment of the process. A thread decodes and
keeps the newest picture only.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import cast

import cv2

from camfan_config.pace import planned_pace
from camfan_config.types import RtspCamera
from camfan_nodes.camera.address import read_address
from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.pacing import Thinner
from camfan_nodes.camera.reader import Reader, Readers
from camfan_nodes.camera.source import EVERYTHING, Bgr, Picture, SourceError, Tally, Wishes
from camfan_nodes.camera.words import reason_of

PORT = 554
QUIET = "-8"  # FFmpeg's chatter at each attempt; what matters comes out as a sentence
DEPTH = 1  # decoded pictures; full: the older one is dropped
MIN_TIMEOUT_S = 1.0


class RtspSource:
    def __init__(self, camera: RtspCamera, clock: Clock) -> None:
        self.tally = Tally()
        self.reopens = True
        address = read_address(camera.url)
        self.name = address.shown
        self._place = (address.host, address.port or PORT)
        self._camera = camera
        self._clock = clock
        self._readers = Readers(self.name, clock)
        self._timeout_s = max(MIN_TIMEOUT_S, 0.8 * planned_pace(camera).stall_s)

    @contextmanager
    def open(self, wishes: Wishes = EVERYTHING) -> Iterator[Reader]:
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"rtsp_transport;{self._camera.transport}"
        os.environ["OPENCV_FFMPEG_LOGLEVEL"] = QUIET
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it names passwords
        description = f"{self.name} over {self._camera.transport}, encoded here"
        pictures = partial(self._pictures, wishes)
        reader = Reader(pictures, DEPTH, self.tally, description, wishes)
        with self._readers.open(reader):
            yield reader

    def _pictures(self, wishes: Wishes, leave: threading.Event) -> Iterator[Picture | None]:
        thinner = Thinner(self._camera.fps)
        capture = self._connect()
        try:
            while not leave.is_set():
                if not capture.grab():
                    raise SourceError(
                        f"{self.name}: the stream ended, or was silent for {self._timeout_s:g} s"
                    )
                captured_ns = self._clock.wall_ns()
                if not thinner.keeps(self._clock.monotonic_ns() / 1e9, wishes.fps):
                    continue
                if wishes.idle():
                    yield None
                    continue
                decoded, image = capture.retrieve()
                if decoded:
                    yield Picture(self._resized(cast(Bgr, image)), captured_ns)
                else:
                    self.tally.unreadable += 1
        finally:
            capture.release()

    def _connect(self) -> cv2.VideoCapture:
        self._knock()
        timeout_ms = round(self._timeout_s * 1000)
        capture = cv2.VideoCapture(
            self._camera.url,
            cv2.CAP_FFMPEG,
            [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms,
                cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms,
            ],
        )  # fmt: skip
        if not capture.isOpened():
            capture.release()
            raise SourceError(
                f"{self.name}: something answers there, but gives no stream; are user, password"
                " and path what the camera expects?"
            )
        return capture

    def _knock(self) -> None:
        """FFmpeg does not say why it fails, so try whether anything is there at all."""
        try:
            socket.create_connection(self._place, self._timeout_s).close()
        except TimeoutError:
            raise SourceError(f"{self.name}: no answer within {self._timeout_s:g} s") from None
        except OSError as exc:
            raise SourceError(f"{self.name}: {reason_of(exc)}") from exc

    def _resized(self, image: Bgr) -> Bgr:
        size = self._camera.size
        if size is None or image.shape[1::-1] == (size.width, size.height):
            return image
        area = (size.width, size.height)
        return cast(Bgr, cv2.resize(image, area, interpolation=cv2.INTER_AREA))
