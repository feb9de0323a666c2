"""`camfan recordings replay`: what was recorded comes back on the bus, to the frame."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from camfan import Frame, Gap, Publisher, Recording, Subscriber
from camfan_nodes.cli import main
from camfan_nodes.recorder.storage import Storage
from camfan_nodes.recordings.replaying import replay_names
from camfan_nodes.shared.command import ConfigurationError
from camfan_testing.live import wait_until
from camfan_testing.processes import Process, running_broker
from camfan_testing.recordings import INTERVAL_NS, NEXT_RUN, START_NS, frame, picture
from camfan_testing.sites import TestSite, custom_cameras, write_site

RECORDERS = """
recorders:
  first: {path: first, cameras: [nothing-*]}
  second: {path: second, cameras: [porch, barn]}
"""


@pytest.fixture
def site(tmp_path: Path) -> TestSite:
    return write_site(tmp_path, custom_cameras("porch", "barn", "gate", "nothing-1") + RECORDERS)


def record(folder: Path, *frames: Frame) -> None:
    with Storage("first", folder, 2.0, 5.0) as storage:
        for each in frames:
            storage.append(each)


def replay(site: TestSite, *arguments: str) -> Process:
    return Process(
        [
            *(sys.executable, "-m", "camfan_nodes", "recordings", "replay"),
            *("--config", str(site.path), "--recorder", "first", *arguments),
        ]
    )


@contextmanager
def recorder(site: TestSite) -> Iterator[None]:
    command = [sys.executable, "-m", "camfan_nodes", "recorder", "second", "--config", site.path]
    with Process([str(word) for word in command]) as process:
        wait_until(lambda: (site.path.parent / "second" / "index.sqlite").exists(), 20.0)
        yield
        process.stop()
        assert "Traceback" not in process.output


def contents(folder: Path, camera: str) -> list[tuple[int, int, int | None, bytes]]:
    if not (folder / "index.sqlite").exists():
        return []
    with Recording(folder) as recording:
        if camera not in recording.cameras():
            return []
        return [
            (each.sequence, each.captured, each.site_time, bytes(each.jpeg))
            for each in recording.frames(camera)
        ]


@pytest.mark.parametrize("speed", ["1", "4"])
def test_recorded_again_it_is_the_same(site: TestSite, tmp_path: Path, speed: str) -> None:
    """JPEGs, numbers, capture times and site times of two cameras, a gap and a restart of one."""
    numbers = [n for n in range(5, 40) if not 20 <= n < 24]
    again = [frame(n, run=NEXT_RUN, captured=START_NS + (45 + n) * INTERVAL_NS) for n in range(9)]
    record(
        tmp_path / "first",
        *(frame(n, offset=-3_000_000) for n in numbers),
        *(frame(n, camera="barn") for n in range(30)),
        *again,
    )
    before = {camera: contents(tmp_path / "first", camera) for camera in ("porch", "barn")}
    with running_broker(site.path), recorder(site):
        with replay(site, "--speed", speed) as process:
            assert process.wait(40) == 0, process.output
            assert "Traceback" not in process.output
        for camera, expected in before.items():
            wait_until(lambda: len(contents(tmp_path / "second", camera)) >= len(expected), 10.0)  # noqa: B023 - called within the loop

    for camera, expected in before.items():
        assert contents(tmp_path / "second", camera) == expected


def test_subscribers_get_frames_at_their_times_and_marked(site: TestSite, tmp_path: Path) -> None:
    """Under another name, twice as fast; between two frames lies half of the recorded time."""
    times = [0, 100, 200, 1200, 1300]
    frames = [frame(n, captured=START_NS + ms * 1_000_000) for n, ms in enumerate(times)]
    record(tmp_path / "first", *frames)
    with ExitStack() as stack:
        stack.enter_context(running_broker(site.path))
        items = stack.enter_context(Subscriber.every(site.path, ["gate"]))
        wait_until(lambda: items.connected, 20.0)
        process = stack.enter_context(replay(site, "--as", "gate", "--speed", "2x"))
        came: list[tuple[int, float]] = []
        while len(came) < 5:
            item = items.read(20.0)
            assert isinstance(item, Frame)
            assert item.replayed
            assert (item.camera, item.captured) == ("gate", frames[item.sequence].captured)
            assert item.site_time == item.captured
            assert item.jpeg == picture(item.sequence)
            came.append((item.sequence, time.monotonic()))
        assert process.wait(10) == 0, process.output
    assert [number for number, _ in came] == [0, 1, 2, 3, 4]
    assert came[3][1] - came[2][1] > came[2][1] - came[1][1]  # 500 ms there, 50 ms here


def test_a_part_is_replayed_again_and_again(site: TestSite, tmp_path: Path) -> None:
    """From and to bound it; with --loop each lap is a run of its own, until it is stopped."""
    record(tmp_path / "first", *(frame(n) for n in range(30)))
    start = "2026-11-22T10:15:00.700Z"
    with running_broker(site.path), Subscriber.every(site.path, ["porch"]) as items:
        wait_until(lambda: items.connected, 20.0)
        asked = ("--from", start, "--to", "2026-11-22T10:15:01.200Z", "--loop")
        with replay(site, *asked) as process:
            laps: dict[str, list[int]] = {}
            while len(laps) < 3:
                item = items.read(20.0)
                if isinstance(item, Frame):
                    laps.setdefault(item.run, []).append(item.sequence)
            assert process.stop() == 0
            assert "Traceback" not in process.output
    inside = [n for n in range(30) if 700_000_000 <= n * INTERVAL_NS + 123_456_789 < 1_200_000_000]
    assert list(laps.values())[:2] == [inside, inside]


def test_a_fast_replay_holds_or_says_so(site: TestSite, tmp_path: Path) -> None:
    """A minute at 60 x; the last line has the speed that was reached and how far it was behind."""
    record(tmp_path / "first", *(frame(n, jpeg=picture(n % 7)) for n in range(900)))
    with running_broker(site.path), Subscriber.every(site.path, ["porch"]) as items:
        wait_until(lambda: items.connected, 20.0)
        with replay(site, "--speed", "60") as process:
            first = reached = -1
            while reached < 899:
                item = items.read(20.0)
                start, end = (
                    (item.first, item.last)
                    if isinstance(item, Gap)
                    else (item.sequence, item.sequence)
                )
                assert end is not None
                first = start if first < 0 else first
                assert reached in (-1, start - 1)
                if isinstance(item, Frame):
                    assert item.jpeg == picture(item.sequence % 7)
                reached = end
            assert first < 450
            assert process.wait(20) == 0
        last = process.lines[-1]
    assert last.startswith("900 frames replayed in ")
    assert " x, at most " in last
    behind = float(last.split("at most ")[1].split()[0])
    assert (behind > 0.5) == any("behind: this machine" in line for line in process.lines)


def test_a_camera_that_is_live_is_not_disturbed(site: TestSite, tmp_path: Path) -> None:
    """The name is taken: the error says what to do."""
    record(tmp_path / "first", *(frame(n) for n in range(300)))
    with running_broker(site.path), Publisher(site.path, "porch") as live:
        wait_until(lambda: live.publish(picture(0)), 10.0)
        with replay(site) as process:
            assert process.wait(30) == 69
        assert "replay it as another camera with --as" in process.output
        assert live.publish(picture(1))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--as", "nothere"], 78, "--as porch=NAME replays it as another"),
        (["--from", "2027-01-01"], 78, "nothing is recorded at this time; it is from 2026-11-22"),
        (["--camera", "x"], 78, "has no frame of a camera 'x'"),
        (["--as", "x=gate"], 78, "'x' is not replayed"),
    ],
)
def test_mistakes_are_named_before_anything_is_sent(
    site: TestSite,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    record(tmp_path / "first", frame(0))
    place = ["--config", str(site.path), "--path", str(tmp_path / "first")]
    assert main(["recordings", "replay", *place, *arguments]) == code
    assert words in capfd.readouterr().err


def test_names_of_several_cameras() -> None:
    """Each camera keeps its name or gets another, and no two the same."""
    cameras = ("porch", "barn")
    assert replay_names(["barn=gate"], cameras) == {"porch": "porch", "barn": "gate"}
    for wrong, words in (
        (["gate"], "write CAMERA=gate"),
        (["barn=porch"], "two cameras cannot both be 'porch'"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            replay_names(wrong, cameras)
