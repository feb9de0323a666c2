"""`camfan recordings list` and `show`: what was recorded, as tables or as JSON."""

from __future__ import annotations

import argparse
import sqlite3

from rich.console import RenderableType
from rich.text import Text

from camfan import Recording
from camfan.recording.moments import LAST_NS
from camfan_config.text.units import short_bytes
from camfan_nodes.recordings.choosing import (
    RecordingsPlace,
    chosen_cameras,
    chosen_range,
    find_place,
    opened_index,
    opened_recording,
)
from camfan_nodes.recordings.summary import (
    clip_json,
    count_frames,
    event_json,
    gap_json,
    protection_json,
    protections,
    summarize,
    summary_json,
)
from camfan_nodes.recordings.tables import (
    camera_table,
    clip_table,
    event_table,
    gap_table,
    print_json,
    print_lines,
    print_rendered,
    protection_table,
)
from camfan_nodes.recordings.times import local_text, zone_text

TimeRange = tuple[int | None, int | None]


def list_recordings(arguments: argparse.Namespace) -> int:
    place = find_place(arguments)
    chosen = chosen_range(arguments)
    if arguments.clips:
        return _list_clips(arguments, place, chosen)
    with opened_recording(place) as recording, opened_index(place) as db:
        cameras = chosen_cameras(recording, arguments.camera)
        found = [summarize(recording, db, camera, *chosen) for camera in cameras]
        found = [summary for summary in found if summary.files]
        protected = protections(db, cameras, *chosen)
    if arguments.json:
        print_json(
            {
                "path": str(place.folder),
                "cameras": [summary_json(summary) for summary in found],
                "protected": [protection_json(row) for row in protected],
            }
        )
        return 0
    if found:
        print_rendered(camera_table(found))
    else:
        when = "" if chosen == (None, None) else " at that time"
        print_lines(f"{place.folder}: nothing is recorded{when}")
    if protected:
        print_rendered(Text(), Text("protected"), protection_table(protected))
    return 0


def _list_clips(arguments: argparse.Namespace, place: RecordingsPlace, chosen: TimeRange) -> int:
    with opened_recording(place) as recording:
        cameras = chosen_cameras(recording, arguments.camera)
        clips = [clip for clip in recording.clips(None, *chosen) if clip.camera in cameras]
    if arguments.json:
        print_json([clip_json(clip) for clip in clips])
    elif clips:
        print_rendered(clip_table(clips))
    else:
        print_lines(f"{place.folder}: there are no clips")
    return 0


def show_recordings(arguments: argparse.Namespace) -> int:
    place = find_place(arguments)
    chosen = chosen_range(arguments)
    with opened_recording(place) as recording, opened_index(place) as db:
        cameras = chosen_cameras(recording, arguments.camera)
        if arguments.json:
            print_json([_camera_json(recording, db, camera, chosen) for camera in cameras])
            return 0
        for number, camera in enumerate(cameras):
            if number:
                print_rendered(Text())
            _show_camera(recording, db, camera, chosen)
    return 0


def _camera_json(
    recording: Recording, db: sqlite3.Connection, camera: str, chosen: TimeRange
) -> dict[str, object]:
    return {
        **summary_json(summarize(recording, db, camera, *chosen)),
        "frames": count_frames(db, camera, *_bounds(chosen)),
        "gaps": [gap_json(gap) for gap in recording.gaps(camera, *chosen)],
        "events": [event_json(event) for event in recording.events(camera, *chosen)],
        "clips": [clip_json(clip) for clip in recording.clips(camera, *chosen)],
        "protected": [protection_json(row) for row in protections(db, (camera,), *chosen)],
    }


def _show_camera(
    recording: Recording, db: sqlite3.Connection, camera: str, chosen: TimeRange
) -> None:
    found = summarize(recording, db, camera, *chosen)
    frames = count_frames(db, camera, *_bounds(chosen))
    if frames:
        print_lines(
            f"{camera}: {local_text(found.start_ns)} to {local_text(found.end_ns)}"
            f" {zone_text(found.end_ns)}, {frames} frames, {found.files} files,"
            f" {short_bytes(found.bytes)}"
        )
    else:
        print_lines(f"{camera}: nothing is recorded at that time")
    for title, table in _tables(recording, db, camera, chosen):
        print_rendered(Text(), Text(title), table)


def _tables(
    recording: Recording, db: sqlite3.Connection, camera: str, chosen: TimeRange
) -> list[tuple[str, RenderableType]]:
    found: list[tuple[str, RenderableType]] = []
    if gaps := recording.gaps(camera, *chosen):
        found.append(("gaps", gap_table(gaps)))
    if events := recording.events(camera, *chosen):
        found.append(("events", event_table(events)))
    if clips := recording.clips(camera, *chosen):
        found.append(("clips", clip_table(clips)))
    if protected := protections(db, (camera,), *chosen):
        found.append(("protected", protection_table(protected)))
    return found


def _bounds(chosen: TimeRange) -> tuple[int, int]:
    start, end = chosen
    return 0 if start is None else start, LAST_NS if end is None else end
