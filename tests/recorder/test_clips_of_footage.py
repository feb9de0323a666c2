"""People walk through real footage, which is played as a camera: clips in all three modes."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from camfan.recording.queries import IndexReader
from camfan.recording.schema import connect_to_read
from camfan_testing.data import shared
from camfan_testing.live import wait_until
from camfan_testing.processes import camfan, running_broker
from camfan_testing.sites import write_site

FRAMES = 1394
SECTIONS = """cameras:
  porch: {{source: file, path: {video}, loop: false}}
motion:
  watch: {{cameras: [porch]}}
recorders:
  continuous: {{path: continuous, clips: {clips}}}
  events: {{path: events, mode: events, clips: {clips}}}
  activity: {{path: activity, mode: activity, clips: {clips}}}
"""
CLIPS = "{from: [watch], before: 2s, after: 2s}"
MODES = ("continuous", "events", "activity")


def last_sequence(folder: Path) -> int:
    file = folder / "index.sqlite"
    if not file.exists():
        return -1
    with closing(connect_to_read(file)) as db:
        position = IndexReader(db).positions().get("porch")
    return -1 if position is None else position.sequence


@pytest.mark.long
@pytest.mark.timeout(600)
def test_clips_of_people_are_exact_in_every_mode(tmp_path: Path) -> None:
    """Each mode has every frame of its clips; `activity` costs little while nothing moves."""
    video = shared("video/one-by-one-person-detection.mp4")
    site = write_site(tmp_path, SECTIONS.format(video=video, clips=CLIPS))
    config = ("--config", str(site.path))
    folder = site.path.parent
    with ExitStack() as running:
        running.enter_context(running_broker(site.path))
        recorders = [running.enter_context(camfan("recorder", mode, *config)) for mode in MODES]
        wait_until(lambda: all((folder / m / "index.sqlite").exists() for m in MODES), 60.0)
        running.enter_context(camfan("motion", "watch", *config))
        running.enter_context(camfan("camera", "porch", *config))
        wait_until(lambda: last_sequence(folder / "continuous") >= FRAMES - 1, 300.0)
        ended_s = time.monotonic()
        wait_until(lambda: time.monotonic() - ended_s > 15.0, 60.0)  # the last event ends
        assert [recorder.stop() for recorder in recorders] == [0, 0, 0]

    frames: dict[str, dict[int, int]] = {}  # by mode: sequence to site time
    sizes: dict[str, dict[int, int]] = {}
    for mode in MODES:
        with closing(connect_to_read(folder / mode / "index.sqlite")) as db:
            index = IndexReader(db)
            rows = [row for _, row in index.frames("porch")]
            clips = index.clips("porch")
            (account,) = index.completeness("porch")
        frames[mode] = {row.sequence: row.time_ns for row in rows}
        sizes[mode] = {row.sequence: row.size for row in rows}
        assert len(clips) > 3
        assert all(clip.event_end_ns is not None and clip.thumbnail for clip in clips)
        assert account.unexplained == 0
        inside = {
            sequence
            for sequence, at_ns in frames["continuous"].items()
            if any(clip.start_ns <= at_ns <= clip.end_ns for clip in clips)
        }
        assert sorted(inside - frames[mode].keys()) == []
        outside = frames[mode].keys() - inside
        if mode == "events":  # a frame that lies on the edge of an interval may be there as well
            assert len(outside) <= 2 * len(clips)
        if mode == "activity":
            quiet = frames["continuous"].keys() - inside
            stored = sum(sizes[mode].get(sequence, 0) for sequence in quiet)
            assert stored <= 0.15 * sum(sizes["continuous"][sequence] for sequence in quiet)
