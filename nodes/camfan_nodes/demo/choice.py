"""What the demonstration shows: the video that was given, else a webcam, else a drawn scene.

A video that cannot be played is an error before anything is started.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av

from camfan_config import CamfanError
from camfan_nodes.camera.devices import VideoDevice, find_devices
from camfan_nodes.camera.v4l2_device import Kernel
from camfan_nodes.camera.video_file import check_file
from camfan_nodes.demo.clip import CLIP

FOURCC = "MJPG"  # what the demonstration asks a webcam for


class UnplayableVideoError(CamfanError):
    """The file that was named cannot be played."""


@dataclass(frozen=True, slots=True)
class DemoCamera:
    """What is shown, in words and as the variables of the demonstration's site file."""

    what: str
    variables: dict[str, str]


def choose(
    video: Path | None,
    folder: Path,
    kernel: Kernel,
    draw: Callable[[Path], None],
    dev: Path = Path("/dev"),
) -> DemoCamera:
    """`draw` makes the clip if it is needed and missing.

    Raises UnplayableVideoError, SourceError.
    """
    if video is not None:
        check_video(video)
        return _file(f"the video {video}", video)
    webcam = find_webcam(kernel, dev)
    if webcam is not None:
        return DemoCamera(
            f"the webcam {webcam.card}",
            {
                "DEMO_SOURCE": "v4l2",
                "DEMO_DEVICE": webcam.stable or webcam.path,
                "DEMO_VIDEO": "",
                "DEMO_LOOP": "",
            },
        )
    clip = folder / CLIP
    if not clip.is_file():
        draw(clip)
    return _file("a drawn scene", clip)


def _file(what: str, path: Path) -> DemoCamera:
    return DemoCamera(
        what,
        {
            "DEMO_SOURCE": "file",
            "DEMO_VIDEO": str(path.absolute()),
            "DEMO_DEVICE": "",
            "DEMO_LOOP": "true",
        },
    )


def find_webcam(kernel: Kernel, dev: Path = Path("/dev")) -> VideoDevice | None:
    """The first device that captures JPEGs and that may be opened."""
    for device in find_devices(kernel, dev):
        if device.trouble is None and any(offer.fourcc == FOURCC for offer in device.offers):
            return device
    return None


def check_video(path: Path) -> None:
    """Raises SourceError or UnplayableVideoError for a file without video."""
    check_file(path)
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UnplayableVideoError(f"{path}: there is no video in it")
            if next(container.decode(video=0), None) is None:
                raise UnplayableVideoError(f"{path}: there is not a single frame in it")
    except (av.error.FFmpegError, OSError, ValueError) as exc:
        raise UnplayableVideoError(f"{path}: not a video that can be read") from exc
