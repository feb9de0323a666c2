"""`camfan record start|stop`: a clip with a name, whatever the mode, with the right to control."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from math import ceil
from pathlib import Path

import pytest

from camfan import Event, EventSubscriber
from camfan.recording.queries import IndexReader
from camfan.recording.rows import ClipRow
from camfan.recording.schema import connect_to_read
from camfan_config import Site, load_site
from camfan_nodes.cli import main
from camfan_nodes.recorder import node
from camfan_nodes.recorder.gate import MARGIN_NS
from camfan_nodes.recorder.storage import Storage
from camfan_testing.live import Camera, wait_until
from camfan_testing.processes import running_broker
from camfan_testing.recordings import INTERVAL_NS, START_NS, frame
from camfan_testing.sites import custom_cameras, write_site
from camfan_wire.messages import Record

RECORDER = "\nrecorders:\n  archive: {path: recordings, cameras: [one], mode: events}"


@contextmanager
def recording(site: Site) -> Iterator[None]:
    """A recorder at work, from when it is ready until its files are closed."""
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=node.run, args=(site, "archive", stop), kwargs={"ready": ready.set}, name="recorder"
    )
    thread.start()
    try:
        assert ready.wait(10)
        yield
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def clips_of(folder: Path) -> list[ClipRow]:
    with closing(connect_to_read(folder / "index.sqlite")) as db:
        return IndexReader(db).clips()


def sequences(folder: Path) -> list[int]:
    with closing(connect_to_read(folder / "index.sqlite")) as db:
        index = IndexReader(db)
        rows = [each for row in index.segments() for each in index.frames_of(row.id)]
        return sorted(each.sequence for each in rows)


def test_a_recording_is_started_and_stopped_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In mode `events` nothing else is on the disk; others see it as an event with its name."""
    written = write_site(tmp_path, custom_cameras("one", "two") + RECORDER)
    site, config = load_site(written.path), ["--config", str(written.path)]
    with (
        running_broker(written.path),
        EventSubscriber(site, "one") as events,
        recording(site),
        Camera(site, "one"),
    ):
        wait_until(lambda: main(["record", "start", "one", "--name", "the parcel", *config]) == 0)
        start = events.read(10)
        assert main(["record", "stop", "one", *config]) == 0
        end = events.read(10)
        assert main(["record", "start", "two", *config]) != 0

    assert [start.kind, start.state, end.state, end.id] == ["recording", "start", "end", start.id]
    assert start.details["name"] == "the parcel"
    (clip,) = clips_of(tmp_path / "recordings")
    assert (clip.name, clip.kind, clip.source) == ("the parcel", "recording", "archive")
    assert (clip.event_start_ns, clip.event_end_ns) == (start.time, end.time)
    assert sequences(tmp_path / "recordings")
    shown = capsys.readouterr()
    assert "one: recorded by archive until `camfan record stop one`" in shown.out
    assert "one: stopped by archive" in shown.out
    assert "no recorder of camera 'two' is connected" in shown.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["start", "one", "--for", "5"], "'5' has no unit; write 5s, 10m, 2h or 7d"),
        (["start", "one", "--for", "0s"], "'0s' is not between 1s and 7d"),
        (["start", "one", "--for", "8d"], "'8d' is not between 1s and 7d"),
        (["start", "one", "--name", " "], "a name has 1 to 60 characters"),
        (["start", "one", "--name", "a\x1b[31m"], "a name has 1 to 60 characters"),
        (["begin", "one"], "invalid choice"),
        ([], "start|stop"),
    ],
)
def test_mistakes_are_sentences(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked of a broker."""
    with pytest.raises(SystemExit) as ended:
        main(["record", *arguments])

    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


class FakeClock:
    """Seconds since the first frame, which pass when they are set."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def site_ns(self) -> int:
        return START_NS + int(self.now_s * 1e9)


def test_a_recording_ends_by_itself_and_replaces_the_one_before(tmp_path: Path) -> None:
    """`--for`; a start while one is under way ends that one; so does the end of the recorder."""
    clock, published = FakeClock(), list[Event]()

    def announce(event: Event) -> Event:
        published.append(event)
        return event

    with Storage(
        "archive", tmp_path, 10.0, 1.0, clock=clock, site_ns=clock.site_ns, announce=announce,
        mode_of=lambda _camera: "events",
    ) as storage:  # fmt: skip
        wishes = {
            150: Record(camera="porch", on=True, name="first", seconds=2.0),
            300: Record(camera="porch", on=True, seconds=60.0),
            330: Record(camera="porch", on=True, name="third"),
            375: Record(camera="porch", on=False),
            376: Record(camera="porch", on=False),
            600: Record(camera="porch", on=True, name="cut short"),
        }
        for number in range(630):
            clock.now_s = number * INTERVAL_NS / 1e9
            if number in wishes:
                storage.record(wishes[number])
            storage.append(frame(number))
            storage.tick()

    seconds = [(c.event_start_ns - START_NS) // 10**9 for c in clips_of(tmp_path)]
    assert [clip.name for clip in clips_of(tmp_path)] == [
        "first", "recording", "third", "cut short"
    ]  # fmt: skip
    assert seconds == [10, 20, 22, 40]
    assert [event.state for event in published] == ["start", "end"] * 4
    wanted = set()
    for clip in clips_of(tmp_path):
        edges = (clip.start_ns - MARGIN_NS, clip.end_ns + MARGIN_NS)
        first, last = ((at_ns - START_NS) / INTERVAL_NS for at_ns in edges)
        wanted |= set(range(ceil(first), min(int(last), 629) + 1))
    assert len(wanted) > 400
    assert set(sequences(tmp_path)) == wanted
