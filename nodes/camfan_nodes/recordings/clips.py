"""Clips by their numbers, in place of cameras and times."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from camfan import RecordedClip, Recording
from camfan_nodes.recordings.choosing import chosen_cameras, chosen_range
from camfan_nodes.shared.command import ConfigurationError


@dataclass(frozen=True, slots=True)
class ChosenPart:
    """Cameras of a recording, and a time; None: without a limit."""

    cameras: tuple[str, ...]
    start_ns: int | None
    end_ns: int | None  # not included
    clip: RecordedClip | None = None


def add_clip_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--clip",
        type=int,
        metavar="NUMBER",
        help="number of a clip in `list --clips`, instead of cameras and times",
    )


def chosen_part(recording: Recording, arguments: argparse.Namespace) -> ChosenPart:
    """Raises ConfigurationError, UnknownCameraError."""
    if arguments.clip is None:
        cameras = chosen_cameras(recording, arguments.camera)
        return ChosenPart(cameras, *chosen_range(arguments))
    if arguments.camera or arguments.start is not None or arguments.end is not None:
        raise ConfigurationError("--clip has a camera and a time; leave out --camera, --from, --to")
    clip = find_clip(recording, arguments.clip)
    return ChosenPart((clip.camera,), clip.start, clip.end + 1, clip)


def find_clip(recording: Recording, number: int) -> RecordedClip:
    """Raises ConfigurationError."""
    clips = recording.clips()
    found = next((clip for clip in clips if clip.id == number), None)
    if found is None:
        there = f"the last is {max(clip.id for clip in clips)}" if clips else "there is none"
        raise ConfigurationError(f"no clip has the number {number}; {there}")
    return found
