"""Saves the untouched JPEG of a frame, named by its camera and its time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from camfan import Frame


def snapshot_name(frame: Frame) -> str:
    """`driveway-20261122T140322.512Z.jpg`; site time, or the camera's own while that is unknown."""
    taken_ns = frame.captured if frame.site_time is None else frame.site_time
    seconds, rest_ns = divmod(taken_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%S")
    return f"{frame.camera}-{moment}.{rest_ns // 1_000_000:03d}Z.jpg"


def save(frames: Sequence[Frame], folder: Path) -> str:
    """Writes each frame into a file of its own, never over another; returns the result in words."""
    saved: list[str] = []
    for frame in frames:
        name = snapshot_name(frame)
        try:
            with (folder / name).open("xb") as file:
                file.write(frame.jpeg)
        except FileExistsError:
            pass  # the same picture, saved before
        except OSError as exc:
            return f"{name} cannot be saved: {exc.strerror}"
        saved.append(name)
    if not saved:
        return "There is no picture to save"
    return f"Saved {saved[0]}" if len(saved) == 1 else f"Saved {len(saved)} pictures, {saved[0]} …"
