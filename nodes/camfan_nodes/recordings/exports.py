"""`camfan recordings export`: an interval as one file."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from camfan_config.text.printable import printable
from camfan_config.text.units import parse_duration, parse_rate, short_bytes
from camfan_nodes.export.exporting import export_recording
from camfan_nodes.export.request import (
    FORMATS,
    ExportCancelledError,
    ExportRequest,
    format_of,
    manifest_path,
)
from camfan_nodes.recordings.choosing import (
    RecordingsPlace,
    add_place_arguments,
    add_range_arguments,
    find_place,
    opened_recording,
)
from camfan_nodes.recordings.clips import add_clip_argument, chosen_part
from camfan_nodes.recordings.tables import print_json, print_lines
from camfan_nodes.shared.command import MissingExtraError

EXIT_LOSSES = 1  # the file is whole, but frames of the recording could not be read
EXIT_CANCELLED = 130
PROGRAM = "camfan recordings export"
SHOWN = 5  # lost frames that are named; the manifest names all


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    add_place_arguments(parser)
    add_range_arguments(parser)
    add_clip_argument(parser)
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="file to write; its suffix is the format: .mp4 (H.264), .mkv (the original JPEGs), "
        ".zip (of JPEGs), .gif, .webp",
    )
    parser.add_argument("--format", choices=FORMATS, help="format, if the suffix does not say it")
    parser.add_argument(
        "--every",
        type=interval,
        metavar="TIME",
        help="one frame every 10s, 1m, …; with --fps: a time-lapse",
    )
    parser.add_argument(
        "--fps", type=_rate, metavar="N", help="show the frames evenly at this rate"
    )
    parser.add_argument(
        "--clock", action="store_true", help="draw camera and local time into the pictures"
    )
    parser.add_argument("--width", type=int, metavar="PIXELS", help="of the result")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")


def export_recordings(arguments: argparse.Namespace) -> int:
    stop = threading.Event()
    place = find_place(arguments)
    with stopping_on_signals(stop):
        return _export(arguments, place, stop)


def _export(arguments: argparse.Namespace, place: RecordingsPlace, stop: threading.Event) -> int:
    output: Path = arguments.output
    kind = format_of(output, arguments.format)
    if kind != "zip":
        check_extra()
    with opened_recording(place) as recording:
        part = chosen_part(recording, arguments)
        request = ExportRequest(
            cameras=part.cameras,
            output=output,
            format=kind,
            start_ns=part.start_ns,
            end_ns=part.end_ns,
            every_s=arguments.every,
            fps=arguments.fps,
            clock=arguments.clock,
            width=arguments.width,
            replace=arguments.force,
        )
        try:
            with progress_bar("exporting") as progress:
                manifest = export_recording(
                    recording, request, progress=progress, cancelled=stop.is_set
                )
        except ExportCancelledError as exc:
            sys.stderr.write(f"{PROGRAM}: {exc}\n")
            return EXIT_CANCELLED
    lost = [(each.camera, loss) for each in manifest.cameras for loss in each.lost]
    if arguments.json:
        print_json(manifest)
    else:
        missing = sum(gap.missing or 0 for each in manifest.cameras for gap in each.gaps)
        print_lines(
            f"{output}: {manifest.pictures} pictures, {short_bytes(manifest.bytes)}"
            + (f"; {missing} frames were never recorded" if missing else "")
            + f"; {manifest_path(output).name} says what is in it"
        )
    for camera, loss in lost[:SHOWN]:
        sys.stderr.write(printable(f"lost: {camera} {loss.sequence}, {loss.file}: {loss.reason}"))
        sys.stderr.write("\n")
    if len(lost) > SHOWN:
        sys.stderr.write(f"lost: {len(lost) - SHOWN} more, all in {manifest_path(output).name}\n")
    return EXIT_LOSSES if lost else 0


def check_extra() -> None:
    """Raises MissingExtraError where no video can be written."""
    try:
        import av  # noqa: F401 - whether it is there is all that is asked
    except ImportError as exc:
        raise MissingExtraError("exporting video", "PyAV", "video") from exc


@contextmanager
def stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM set the event; the handlers of before come back at the end."""
    import signal

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[float], None]]:
    """On a terminal only; it is gone when the work is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        bar = bars.add_task(what, total=1.0)
        yield lambda share: bars.update(bar, completed=share)


def interval(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"'{text}' {exc}") from exc
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a time above 0")
    return seconds


def _rate(text: str) -> float:
    try:
        return float(text) if "/" not in text else parse_rate(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of frames a second") from exc
