"""Which recordings a command is about: a recorder of the site file, or a folder."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from camfan import Recording, UnknownCameraError
from camfan.recording.reader_index import open_to_read
from camfan.recording.schema import FILE_NAME, explained
from camfan_config import Recorder, read_site
from camfan_config.text.globs import is_glob, matches
from camfan_config.text.printable import printable
from camfan_nodes.recorder.folder import index_folder
from camfan_nodes.recordings.times import AskedTime, TimeFormatError, parse_time
from camfan_nodes.shared.command import ConfigurationError, find_node
from camfan_nodes.shared.site_file import add_config_argument, find_site_file


@dataclass(frozen=True, slots=True)
class RecordingsPlace:
    """The folder of a recorder, and that of its index."""

    folder: Path
    index: Path
    name: str | None = None  # of the recorder, where it comes from a site file
    recorder: Recorder | None = None


def add_place_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument(
        "--recorder", metavar="NAME", help="a recorder of the site file, if it has several"
    )
    parser.add_argument(
        "--path", type=Path, metavar="FOLDER", help="folder of the recordings, without a site file"
    )
    parser.add_argument(
        "--index",
        type=Path,
        metavar="FOLDER",
        help="with --path: folder of index.sqlite, if it is another one",
    )


def add_camera_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--camera",
        action="append",
        default=[],
        metavar="CAMERA",
        help="a name or a glob; can be repeated (default: all cameras)",
    )


def add_range_arguments(parser: argparse.ArgumentParser) -> None:
    add_camera_argument(parser)
    parser.add_argument(
        "--from",
        dest="start",
        type=_start,
        metavar="TIME",
        help="local time, such as '2026-11-22 10:15' or 10:15; UTC with Z; or '10m ago'",
    )
    parser.add_argument(
        "--to", dest="end", type=_end, metavar="TIME", help="the same; not included"
    )


def find_place(arguments: argparse.Namespace) -> RecordingsPlace:
    """Raises ConfigurationError, and what reading a site file raises."""
    if arguments.path is not None:
        if arguments.config is not None or arguments.recorder is not None:
            raise ConfigurationError("--path needs no site file; leave out --config and --recorder")
        return RecordingsPlace(arguments.path, arguments.index or arguments.path)
    if arguments.index is not None:
        raise ConfigurationError("--index goes with --path; a site file has `index:`")
    recorders = read_site(find_site_file(arguments.config)).site.recorders
    name = arguments.recorder
    if name is None:
        if len(recorders) != 1:
            known = f"has recorders {', '.join(recorders)}" if recorders else "has no recorder"
            raise ConfigurationError(f"the site file {known}; say --recorder NAME or --path FOLDER")
        name = next(iter(recorders))
    recorder = find_node(recorders, "recorder", name)
    return RecordingsPlace(Path(recorder.path), index_folder(recorder), name, recorder)


@contextmanager
def opened_recording(place: RecordingsPlace) -> Iterator[Recording]:
    with Recording(place.folder, index=place.index) as recording:
        yield recording


@contextmanager
def opened_index(place: RecordingsPlace) -> Iterator[sqlite3.Connection]:
    """To be read. Raises RecordingError for what SQLite complains of."""
    with closing(open_to_read(place.index)) as db:
        try:
            yield db
        except sqlite3.Error as exc:
            raise explained(place.index / FILE_NAME, exc) from exc


def chosen_cameras(recording: Recording, asked: list[str]) -> tuple[str, ...]:
    """Cameras of the recording, in the order in which they were asked for.

    Raises UnknownCameraError.
    """
    known = recording.cameras()
    if not asked:
        return tuple(known)
    found: dict[str, None] = {}
    for pattern in asked:
        if is_glob(pattern):
            fitting = [camera for camera in known if matches(camera, [pattern])]
            if not fitting:
                raise UnknownCameraError(
                    f"no camera in {recording.path} fits '{pattern}'; it has {', '.join(known)}"
                )
            found.update(dict.fromkeys(fitting))
        else:
            recording.span(pattern)
            found[pattern] = None
    return tuple(found)


def chosen_range(arguments: argparse.Namespace) -> tuple[int | None, int | None]:
    """From and to in ns; notes on them are printed. Raises ConfigurationError."""
    asked: list[AskedTime | None] = [arguments.start, arguments.end]
    for time in asked:
        if time is not None and time.note is not None:
            sys.stderr.write(f"{printable(time.note)}\n")
    start, end = (None if time is None else time.time_ns for time in asked)
    if start is not None and end is not None and end <= start:
        raise ConfigurationError("--to is not after --from")
    return start, end


def _start(text: str) -> AskedTime:
    return _asked(text, end=False)


def _end(text: str) -> AskedTime:
    return _asked(text, end=True)


def _asked(text: str, *, end: bool) -> AskedTime:
    try:
        return parse_time(text, datetime.now().astimezone(), end=end)
    except TimeFormatError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
