"""Modes and clips: exact to the frame, in every mode, across merging, splitting and restarts."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest

from camfan.recording.queries import IndexReader
from camfan.recording.rows import ClipRow, Completeness
from camfan.recording.schema import connect_to_read
from camfan_config import Clips, Keep, Recorder, RecordingMode
from camfan_nodes.recorder.intake import mode_of
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import INTERVAL_NS, RUN, START_NS, frame, packets, picture
from camfan_wire.header import Position
from camfan_wire.messages import Event, Gap

SECOND_NS = 1_000_000_000
FPS = 15


class FakeClock:
    """Seconds since the first frame, which pass when they are set."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def site_ns(self) -> int:
        return START_NS + int(self.now_s * 1e9)


CLIPS = Clips(source=("eye",), before=2.0, after=1.0, max_length=60.0)


def opened(
    folder: Path,
    clock: FakeClock,
    mode: RecordingMode,
    clips: Clips = CLIPS,
    keep: Keep | None = None,
) -> Storage:
    return Storage(
        "archive", folder, 10.0, 1.0, clock=clock, site_ns=clock.site_ns, clips=clips, keep=keep,
        mode_of=lambda _camera: mode, cameras=("porch",),
    )  # fmt: skip


def at_ns(at_s: float) -> int:
    return START_NS + int(at_s * SECOND_NS)


def event(
    state: Literal["start", "update", "end"],
    at_s: float,
    *,
    name: str = "e1",
    start_s: float | None = None,
    source: str = "eye",
    camera: str | None = "porch",
    **details: object,
) -> Event:
    """As a motion node says it, if `start_s` is given: with when it was last seen."""
    if start_s is not None:
        details |= {"start": at_ns(start_s), "last": at_ns(at_s)}
    return Event(
        id=name, time=at_ns(at_s), source=source, kind="motion", state=state, camera=camera,
        details=details,
    )  # fmt: skip


def play(
    storage: Storage, clock: FakeClock, until_s: float, events: Iterable[tuple[float, Event]] = ()
) -> None:
    """Frames until then, from where the clock is, and events at their seconds."""
    waiting = sorted(events, key=lambda pair: pair[0])
    number = int(clock.now_s * SECOND_NS / INTERVAL_NS + 0.999)
    while number * INTERVAL_NS < until_s * SECOND_NS:
        clock.now_s = number * INTERVAL_NS / SECOND_NS
        while waiting and waiting[0][0] <= clock.now_s:
            storage.event(waiting.pop(0)[1])
        storage.append(frame(number))
        storage.tick()
        number += 1
    clock.now_s = until_s
    for _, late in waiting:
        storage.event(late)


def recorded(folder: Path) -> list[int]:
    """The sequences on the disk; each file plays and has just its frames."""
    found = []
    with closing(connect_to_read(folder / "index.sqlite")) as db:
        index = IndexReader(db)
        for row in index.segments():
            sequences = [each.sequence for each in index.frames_of(row.id)]
            jpegs = [jpeg for _, jpeg in packets(folder / row.path)]
            assert jpegs == [picture(number) for number in sequences]
            found += sequences
    assert len(found) == len(set(found))
    return sorted(found)


def within(from_s: float, until_s: float) -> list[int]:
    first, last = (int(at_s * SECOND_NS) for at_s in (from_s, until_s))
    return list(range(max(-(-first // INTERVAL_NS), 0), last // INTERVAL_NS + 1))


def kept(from_s: float, until_s: float) -> list[int]:
    """The sequences that a mode keeps for an interval: also those that lie on its edges."""
    return within(from_s - 0.02, until_s + 0.02)


def clips_of(folder: Path) -> list[ClipRow]:
    with closing(connect_to_read(folder / "index.sqlite")) as db:
        return IndexReader(db).clips()


def spans(folder: Path) -> list[tuple[float, float]]:
    return [
        (round((c.start_ns - START_NS) / 1e9, 3), round((c.end_ns - START_NS) / 1e9, 3))
        for c in clips_of(folder)
    ]


def account(folder: Path) -> Completeness:
    with closing(connect_to_read(folder / "index.sqlite")) as db:
        (found,) = IndexReader(db).completeness("porch")
        return found


MOTION = [
    (11.0, event("start", 10.0, start_s=10.0)),
    (12.0, event("update", 12.0, start_s=10.0, area=0.2, peak=at_ns(11.5))),
    (13.0, event("update", 13.0, start_s=10.0)),
    (20.0, event("end", 14.0, start_s=10.0)),
]


@pytest.mark.parametrize("mode", ["continuous", "events", "activity"])
def test_a_clip_is_exact_to_the_frame(mode: RecordingMode, tmp_path: Path) -> None:
    """Two seconds before, one after; whatever else the mode keeps, and nothing is unexplained."""
    clock = FakeClock()
    with opened(tmp_path, clock, mode) as storage:
        play(storage, clock, 30.0, MOTION)
        clock.now_s += 10
        storage.tick()

    wanted = set(kept(8.0, 15.0))
    everything = range(30 * FPS)
    expected = {
        "continuous": set(everything),
        "events": wanted,
        "activity": wanted | {number for number in everything if number % 8 == 0},
    }[mode]
    assert recorded(tmp_path) == sorted(expected)
    assert spans(tmp_path) == [(8.0, 15.0)]
    (clip,) = clips_of(tmp_path)
    assert (clip.event_start_ns, clip.event_end_ns) == (at_ns(10.0), at_ns(14.0))
    assert clip.peak_ns == at_ns(11.5)
    found = account(tmp_path)
    assert (found.unexplained, found.lost) == (0, {})
    assert found.recorded == len(expected)


def test_quiet_minutes_cost_an_eighth(tmp_path: Path) -> None:
    """In `activity`, of bytes and of frames, and the time line has no hole of a second."""
    clock = FakeClock()
    with opened(tmp_path / "all", clock, "continuous") as storage:
        play(storage, clock, 60.0)
    clock.now_s = 0.0
    with opened(tmp_path / "few", clock, "activity") as storage:
        play(storage, clock, 60.0)
        clock.now_s += 10
        storage.tick()

    sizes = [sum(p.stat().st_size for p in (tmp_path / n).rglob("*.mkv")) for n in ("few", "all")]
    assert sizes[0] <= 0.15 * sizes[1]
    assert recorded(tmp_path / "few") == list(range(0, 900, 8))


def test_the_peak_becomes_a_thumbnail(tmp_path: Path) -> None:
    """The frame of the greatest motion, below the recorder's folder."""
    clock = FakeClock()
    with opened(tmp_path, clock, "events") as storage:
        play(storage, clock, 30.0, MOTION)

    (clip,) = clips_of(tmp_path)
    assert clip.thumbnail is not None
    assert (tmp_path / clip.thumbnail).read_bytes().startswith(b"\xff\xd8")


def test_events_that_touch_share_a_clip(tmp_path: Path) -> None:
    """Also if they overlap; a gap of a second between the intervals makes two."""
    clock = FakeClock()
    touching = [
        (10.0, event("start", 10.0, name="a", start_s=10.0)),
        (11.0, event("end", 11.0, name="a", start_s=10.0)),
        (14.0, event("start", 14.0, name="b", start_s=14.0)),
        (14.5, event("start", 14.5, name="c", start_s=14.5)),
        (15.0, event("end", 15.0, name="b", start_s=14.0)),
        (17.0, event("end", 17.0, name="c", start_s=14.5)),
        (21.1, event("start", 21.1, name="d", start_s=21.1)),
        (22.0, event("end", 22.0, name="d", start_s=21.1)),
    ]
    with opened(tmp_path, clock, "events") as storage:
        play(storage, clock, 40.0, touching)

    assert spans(tmp_path) == [(8.0, 18.0), (19.1, 23.0)]
    assert recorded(tmp_path) == kept(8.0, 18.0) + kept(19.1, 23.0)


def test_a_long_event_is_split_without_a_seam(tmp_path: Path) -> None:
    """One clip ends where the next begins; each is as long as it may be."""
    clock = FakeClock()
    clips = Clips(source=("eye",), before=2.0, after=1.0, max_length=10.0)
    lasting = [(t, event("update", t, start_s=10.0)) for t in range(11, 40)]
    messages = [(10.0, event("start", 10.0, start_s=10.0)), *lasting]
    messages.append((45.0, event("end", 40.0, start_s=10.0)))
    with opened(tmp_path, clock, "events", clips) as storage:
        play(storage, clock, 60.0, messages)

    found = clips_of(tmp_path)
    assert spans(tmp_path) == [(8.0, 18.0), (18.0, 28.0), (28.0, 38.0), (38.0, 41.0)]
    assert all(b.start_ns == a.end_ns + 1 for a, b in pairwise(found))
    assert recorded(tmp_path) == kept(8.0, 41.0)


def test_an_event_that_says_nothing_meanwhile_lasts_until_it_ends(tmp_path: Path) -> None:
    """As of a door; and one about no camera is about all."""
    clock = FakeClock()
    door = [
        (10.0, event("start", 10.0, camera=None)),
        (50.0, event("end", 50.0, camera=None)),
    ]
    with opened(tmp_path, clock, "events") as storage:
        play(storage, clock, 70.0, door)

    assert recorded(tmp_path) == kept(8.0, 51.0)


def test_only_events_of_the_named_sources_count(tmp_path: Path) -> None:
    """Another program's event is kept as such, and makes no clip."""
    clock = FakeClock()
    with opened(tmp_path, clock, "events") as storage:
        play(storage, clock, 20.0, [(5.0, event("start", 5.0, source="other"))])

    assert recorded(tmp_path) == []
    assert clips_of(tmp_path) == []


def test_a_restart_loses_no_pre_roll_that_the_broker_still_has(tmp_path: Path) -> None:
    """What waited in memory is asked for again, and what was decided is not."""
    clock = FakeClock()
    with opened(tmp_path, clock, "events") as storage:
        play(storage, clock, 20.0)
    with opened(tmp_path, clock, "events") as storage:
        position = storage.positions()["porch"]
        assert position.run == RUN
        assert within(20.0 - 2.0, 20.0)[0] > position.sequence > within(10.0, 20.0)[0]
        clock.now_s = (position.sequence + 1) * INTERVAL_NS / SECOND_NS
        play(storage, clock, 40.0, [(20.5, event("start", 20.0, start_s=20.0))])

    assert recorded(tmp_path)[: len(within(18.0, 20.0))] == within(18.0, 20.0)
    assert account(tmp_path).unexplained == 0


def test_a_clip_of_a_recorder_that_was_killed_is_ended(tmp_path: Path) -> None:
    """Where its recording ends; the same event, if it still lasts, goes on in the same clip."""
    clock = FakeClock()
    killed = opened(tmp_path, clock, "continuous")
    play(killed, clock, 15.0, MOTION[:3])
    killed._intake._keeper._lasting.clear()
    killed.close()
    with opened(tmp_path, clock, "continuous") as storage:
        (clip,) = clips_of(tmp_path)
        assert clip.event_end_ns is None  # not committed yet
        play(storage, clock, 16.0)
        (clip,) = clips_of(tmp_path)
        assert clip.event_end_ns == clip.end_ns
        play(storage, clock, 30.0, [(20.0, event("end", 18.0, start_s=10.0))])

    assert spans(tmp_path) == [(8.0, 19.0)]


def test_gaps_keep_their_place_and_end_a_stretch(tmp_path: Path) -> None:
    """Nothing is counted twice, whatever the mode skips around a gap."""
    clock = FakeClock()
    with opened(tmp_path, clock, "activity") as storage:
        play(storage, clock, 10.0)
        storage.gap(Gap(camera="porch", run=RUN, first=150, last=299, reason="ring"))
        clock.now_s = 20.0
        play(storage, clock, 40.0)
        clock.now_s += 10
        storage.tick()
        assert storage.positions()["porch"] == Position(RUN, 599)

    found = account(tmp_path)
    assert found.lost == {"ring": 150}
    assert found.unexplained == 0
    assert found.recorded + found.skipped == 450


def test_memory_is_bounded_in_a_long_event_without_news(tmp_path: Path) -> None:
    """Frames are kept rather than forgotten when an event is silent for long."""
    clock = FakeClock()
    with opened(tmp_path, clock, "events") as storage:
        play(storage, clock, 60.0, [(10.0, event("start", 10.0, start_s=10.0))])

    assert recorded(tmp_path) == list(range(within(8.0, 9.0)[0], 900))


@pytest.mark.parametrize(
    "hostile",
    [
        event("start", 4e9), event("start", -1.7e9), event("update", 5.0, last=True, peak="x"),
        event("end", 5.0, start=-5, last=2**62), event("start", 5.0, area="much", peak=2**62),
    ],
)  # fmt: skip
def test_no_event_makes_clips_without_bound(hostile: Event, tmp_path: Path) -> None:
    """Times beyond all reason, and details of the wrong kind, cost a clip and no more."""
    clock = FakeClock()
    with opened(tmp_path, clock, "events") as storage:
        play(storage, clock, 10.0, [(5.0, hostile)])

    assert len(clips_of(tmp_path)) <= 2


def test_the_rest_of_a_recording_is_cut_away_around_a_clip(tmp_path: Path) -> None:
    """Clips of a continuous recording are all that is left when the rest has expired."""
    clock = FakeClock()
    with opened(tmp_path, clock, "continuous", keep=Keep(age=100.0)) as storage:
        play(storage, clock, 30.0, MOTION)
        for clock.now_s in (100.0, 400.0, 461.0):
            for _ in range(20):
                storage.tick()
        assert recorded(tmp_path) == within(8.0, 15.0)
    with opened(tmp_path, clock, "continuous", keep=Keep(age=100.0)) as storage:
        storage.tick()
    assert recorded(tmp_path) == within(8.0, 15.0)


def test_modes_of_single_cameras() -> None:
    """The first glob that fits counts, and else the mode of the recorder."""
    recorder = Recorder(
        path="/r", mode="activity", modes={"front-*": "events", "front-a": "continuous"}
    )

    assert mode_of(recorder, "front-a") == "events"
    assert mode_of(recorder, "porch") == "activity"
