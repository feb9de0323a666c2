"""`camfan recordings verify`: a check of all files and rows, and their repair."""

from __future__ import annotations

import argparse
import sqlite3
import sys
import threading
from collections.abc import Callable

import msgspec

from camfan import IndexDamagedError, RecordingError
from camfan_config.text.units import short_bytes
from camfan_nodes.recordings.choosing import (
    RecordingsPlace,
    chosen_cameras,
    find_place,
    opened_index,
    opened_recording,
)
from camfan_nodes.recordings.exports import EXIT_CANCELLED, progress_bar, stopping_on_signals
from camfan_nodes.recordings.locking import held_folder
from camfan_nodes.recordings.problems import Verified
from camfan_nodes.recordings.rebuilding import rebuild
from camfan_nodes.recordings.repairing import repair, repair_of
from camfan_nodes.recordings.tables import print_json, print_lines
from camfan_nodes.recordings.verifying import Verifier, verify_without_index

EXIT_DAMAGED = 1


def verify_recordings(arguments: argparse.Namespace) -> int:
    place = find_place(arguments)
    stop = threading.Event()
    with stopping_on_signals(stop), progress_bar("verifying") as progress:
        found = verify(place, arguments.camera, progress, stop.is_set)
    if stop.is_set():
        sys.stderr.write("camfan recordings verify: stopped before its end\n")
        return EXIT_CANCELLED
    if arguments.json:
        print_json(_json(found))
    else:
        _say(found, dry=arguments.repair)
    if not found.problems:
        return 0
    if not arguments.repair:
        return EXIT_DAMAGED
    return _repair(arguments, place, found)


def verify(
    place: RecordingsPlace,
    asked: list[str],
    progress: Callable[[float], None] = lambda _share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Verified:
    """Raises RecordingError where there is nothing to verify, UnknownCameraError."""
    try:
        cameras = None
        if asked:
            with opened_recording(place) as recording:
                cameras = chosen_cameras(recording, asked)
        with opened_index(place) as db:
            return Verifier(place.folder, db, cameras, progress, cancelled).run()
    except IndexDamagedError as exc:
        return verify_without_index(place.folder, str(exc), cancelled)
    except OSError as exc:
        raise RecordingError(f"{place.folder} cannot be read: {exc}") from exc


def _say(found: Verified, *, dry: bool) -> None:
    for problem in found.problems:
        print_lines(problem.sentence + (f" -> {repair_of(problem)}" if dry else ""))
    state = f"{len(found.problems)} problems" if found.problems else "all is well"
    print_lines(f"{found.files} files, {found.frames} frames, {short_bytes(found.bytes)}: {state}")


def _json(found: Verified) -> dict[str, object]:
    return {
        "files": found.files,
        "frames": found.frames,
        "bytes": found.bytes,
        "problems": [msgspec.structs.asdict(problem) for problem in found.problems],
    }


def _repair(arguments: argparse.Namespace, place: RecordingsPlace, found: Verified) -> int:
    if not arguments.yes and not _agreed():
        print_lines("nothing was changed; --repair --yes does what is listed")
        return EXIT_DAMAGED
    with held_folder(place.folder, "repair"):
        try:
            if any(problem.kind == "index" for problem in found.problems):
                rebuild(place)
                found = verify(place, [])
            repair(place.folder, place.index, found.problems)
            repair(place.folder, place.index, verify(place, []).problems)  # of files just added
        except OSError as exc:
            raise RecordingError(f"cannot repair {place.folder}: {exc}") from exc
        except sqlite3.Error as exc:
            raise RecordingError(f"cannot repair {place.index}: {exc}") from exc
    after = verify(place, arguments.camera)
    left = [problem for problem in after.problems if repair_of(problem) != "leave it"]
    print_lines("after the repair:")
    _say(after, dry=False)
    return EXIT_DAMAGED if left else 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stdout.write("Do this? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
