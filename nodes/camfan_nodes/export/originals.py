"""Files with the JPEGs as they were recorded: Matroska with a track a camera, or a zip."""

from __future__ import annotations

import hashlib
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import msgspec

from camfan import Frame
from camfan_nodes.export.shots import time_of

UNIT = Fraction(1, 1000)  # of Matroska
MEMBER_DATE = (1980, 1, 1, 0, 0, 0)  # the time of a frame stands in its name


class OriginalsVideo:
    """A Matroska file; nothing is decoded."""

    def __init__(self, path: Path, cameras: tuple[str, ...], sizes: list[tuple[int, int]]) -> None:
        """Raises av.error.FFmpegError."""
        import av  # only here: a zip needs none

        self._packet = av.Packet
        self._container: Any = av.open(str(path), "w", format="matroska")
        self._container.metadata["title"] = ", ".join(cameras)
        self._tracks: list[Any] = []
        for camera, (width, height) in zip(cameras, sizes, strict=True):
            track = self._container.add_mux_stream("mjpeg", rate=None, width=width, height=height)
            track.time_base = UNIT
            track.metadata["title"] = camera
            self._tracks.append(track)

    def add(self, track: int, frame: Frame, at_ns: int, duration_ns: int) -> None:
        """The next frame of a camera, at a time since the beginning."""
        packet = self._packet(cast(bytes, frame.jpeg))
        packet.stream = self._tracks[track]
        packet.time_base = UNIT
        packet.pts = packet.dts = round(at_ns / 1_000_000)
        packet.duration = max(round((at_ns + duration_ns) / 1_000_000) - packet.pts, 1)
        packet.is_keyframe = True
        self._container.mux(packet)

    def finish(self) -> None:
        self._container.close()

    def close(self) -> None:
        self._container.close()


class OriginalsArchive:
    """A zip of JPEGs with a list of them, `frames.json`."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._list: list[dict[str, object]] = []

    def add(self, frame: Frame) -> None:
        name = _member_name(frame)
        self._zip.writestr(zipfile.ZipInfo(name, MEMBER_DATE), cast(bytes, frame.jpeg))
        self._list.append(
            {
                "file": name,
                "camera": frame.camera,
                "run": frame.run,
                "sequence": frame.sequence,
                "captured": frame.captured,
                "time": frame.site_time,
                "sha256": hashlib.sha256(frame.jpeg).hexdigest(),
            }
        )

    def finish(self) -> None:
        data = msgspec.json.format(msgspec.json.encode(self._list), indent=1)
        self._zip.writestr(zipfile.ZipInfo("frames.json", MEMBER_DATE), data)
        self._zip.close()

    def close(self) -> None:
        self._zip.close()


def _member_name(frame: Frame) -> str:
    """`porch/2026-11-22T10-15-00.123Z_00000042.jpg`: in order of time in every file manager."""
    from camfan.recording.moments import as_datetime

    moment = as_datetime(time_of(frame))
    stamp = f"{moment:%Y-%m-%dT%H-%M-%S}.{moment.microsecond // 1000:03}Z"
    return f"{frame.camera}/{stamp}_{frame.sequence:08}.jpg"
