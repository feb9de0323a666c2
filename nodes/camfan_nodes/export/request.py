"""What is to be exported, checked before anything is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from camfan import CamfanError

ExportFormat = Literal["mp4", "mkv", "zip", "gif", "webp"]
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
ORIGINALS = ("mkv", "zip")  # of the JPEGs as they were recorded
MAX_FPS = 240.0
MAX_WIDTH = 7680


class ExportError(CamfanError):
    """An export cannot be made; the message says why. Nothing is left of it."""


class ExportCancelledError(ExportError):
    """An export was stopped before its end. Nothing is left of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """One file to be made.

    Attributes:
        cameras: one, or several side by side in a grid; of `mkv` a track each.
        output: the file; its folder exists.
        start_ns, end_ns: site time, from the first to before the second; None: all there is.
        every_s: one frame of each interval only; None: every frame.
        fps: frames a second of the result, evenly; None: at the times at which they were taken.
        clock: burn camera and local time into the pictures.
        width: of the result in pixels; None: that of the recording, of a grid at most 1920, of
            `gif` and `webp` at most 640.
        replace: an existing file is replaced.
    """

    cameras: tuple[str, ...]
    output: Path
    format: ExportFormat
    start_ns: int | None = None
    end_ns: int | None = None
    every_s: float | None = None
    fps: float | None = None
    clock: bool = False
    width: int | None = None
    replace: bool = False


def format_of(output: Path, asked: str | None = None) -> ExportFormat:
    """By what was asked for, or else by the end of the file's name. Raises ExportError."""
    suffix = output.suffix.lower().removeprefix(".")
    for known in FORMATS:
        if known == (suffix if asked is None else asked):
            return known
    if asked is not None:
        raise ExportError(f"unknown format '{asked}'; there is {', '.join(FORMATS)}")
    ends = ", ".join(f".{known}" for known in FORMATS)
    raise ExportError(f"{output}: the name does not end in one of {ends}; or use --format")


def check_request(request: ExportRequest) -> None:
    """Raises ExportError for what does not fit together."""
    if not request.cameras:
        raise ExportError("no camera to export")
    if request.fps is not None and not 0 < request.fps <= MAX_FPS:
        raise ExportError(f"{request.fps:g} frames a second is not between 0 and {MAX_FPS:g}")
    if request.every_s is not None and not (request.every_s > 0 and math.isfinite(request.every_s)):
        raise ExportError("the interval between frames is a time above 0")
    if request.width is not None and not 16 <= request.width <= MAX_WIDTH:
        raise ExportError(f"a width of {request.width} is not between 16 and {MAX_WIDTH} pixels")
    if request.format in ORIGINALS and (request.clock or request.width is not None):
        option = "a clock" if request.clock else "another width"
        raise ExportError(
            f"{request.format} has the original JPEGs, so it cannot have {option}; export to mp4"
        )
    if request.format == "zip" and request.fps is not None:
        raise ExportError("a zip has no frames a second; leave it out, or export to mp4")
    _check_output(request)


def _check_output(request: ExportRequest) -> None:
    output = request.output
    if output.is_dir():
        raise ExportError(f"{output} is a folder; name a file in it")
    if not output.parent.is_dir():
        raise ExportError(f"{output}: there is no folder {output.parent}")
    for path in (output, manifest_path(output)):
        if path.exists() and not request.replace:
            raise ExportError(f"{path} exists already; choose another name, or --force")


def manifest_path(output: Path) -> Path:
    """The file beside an export that says what is in it."""
    return output.with_name(output.name + ".json")
