"""`camfan recordings protect` and `unprotect`: intervals that retention never deletes.

They are rows of the index, so the recorder may run: it looks at them before each deletion.
"""

from __future__ import annotations

import argparse
import time

from camfan import Recording
from camfan.recording.protection import (
    MAX_NOTE,
    ProtectedFields,
    delete_protections,
    insert_protection,
    writable_index,
)
from camfan.recording.queries import IndexReader
from camfan.recording.rows import ProtectionRow
from camfan_config.text.units import short_bytes
from camfan_nodes.recordings.choosing import (
    RecordingsPlace,
    find_place,
    opened_index,
    opened_recording,
)
from camfan_nodes.recordings.clips import chosen_part
from camfan_nodes.recordings.summary import protection_json, summarize
from camfan_nodes.recordings.tables import (
    print_json,
    print_lines,
    print_rendered,
    protection_table,
)
from camfan_nodes.shared.command import ConfigurationError


def protect_recordings(arguments: argparse.Namespace) -> int:
    place = find_place(arguments)
    with opened_recording(place) as recording:
        rows = _asked_rows(recording, arguments)
    with writable_index(place.index) as db:
        made = [insert_protection(db, row) for row in rows]
    _say_protected(arguments, place, made)
    return 0


def unprotect_recordings(arguments: argparse.Namespace) -> int:
    place = find_place(arguments)
    with writable_index(place.index) as db:
        known = {row.id: row for row in IndexReader(db).protections()}
        unknown = [str(number) for number in arguments.id if number not in known]
        if unknown:
            there = ", ".join(map(str, known)) or "none"
            raise ConfigurationError(
                f"no protected interval has the number {', '.join(unknown)}; there is {there}"
            )
        delete_protections(db, arguments.id)
    gone = [known[number] for number in dict.fromkeys(arguments.id)]
    if arguments.json:
        print_json([protection_json(row) for row in gone])
    else:
        print_lines("no longer protected:")
        print_rendered(protection_table(gone))
    return 0


def _asked_rows(recording: Recording, arguments: argparse.Namespace) -> list[ProtectedFields]:
    part, now_ns = chosen_part(recording, arguments), time.time_ns()
    if part.start_ns is None:
        raise ConfigurationError("say from when on with --from, and until when with --to")
    end_ns = now_ns if part.end_ns is None else part.end_ns
    if end_ns <= part.start_ns:
        raise ConfigurationError("--from is in the future; say until when with --to")
    note = arguments.note or ("" if part.clip is None else part.clip.name or part.clip.kind)
    if len(note) > MAX_NOTE:
        raise ConfigurationError(f"a note has at most {MAX_NOTE} characters")
    cameras: list[str | None] = [*part.cameras]
    if part.clip is None and not arguments.camera:
        cameras = [None]  # all, also those that come later
    return [(camera, part.start_ns, end_ns - 1, note, now_ns) for camera in cameras]


def _say_protected(
    arguments: argparse.Namespace, place: RecordingsPlace, made: list[ProtectionRow]
) -> None:
    if arguments.json:
        print_json([protection_json(row) for row in made])
        return
    files = size = 0
    with opened_recording(place) as recording, opened_index(place) as db:
        for row in made:
            for camera in recording.cameras() if row.camera is None else [row.camera]:
                found = summarize(recording, db, camera, row.start_ns, row.end_ns)
                files, size = files + found.files, size + found.bytes
    print_rendered(protection_table(made))
    print_lines(f"protected: {files} files, {short_bytes(size)}")
