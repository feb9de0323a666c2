"""The loop of a camera node: what it publishes, and what each failure costs."""

from __future__ import annotations

import itertools
import logging
import threading

import numpy as np
import pytest

from camfan_config import HttpCamera
from camfan_config.site.pace import Pace, planned_pace
from camfan_nodes.camera.encode import Encoder
from camfan_nodes.camera.figures import NodeFigures
from camfan_nodes.camera.hang_detector import HangDetector
from camfan_nodes.camera.node import CameraNode, CameraNodeParts
from camfan_nodes.camera.outage import JITTER, PAUSES_S
from camfan_nodes.camera.source import (
    CapturedFrame,
    FinalSourceError,
    Idle,
    SkippedFrames,
    SourceError,
)
from camfan_nodes.camera.supervise import HungError, StopHungError, supervise
from camfan_testing.cameras import Collected, FakeClock, ScriptedSource, Step
from camfan_testing.data import hostile_jpegs
from camfan_testing.jpegs import jpeg
from camfan_wire.errors import WireError
from camfan_wire.figures import MachineFigures, PublisherFigures
from camfan_wire.upright import upright_size

PICTURES = [jpeg(64, 48, seed) for seed in range(8)]


class Systemd:
    """Remembers what the node reported, and when."""

    def __init__(self, clock: FakeClock) -> None:
        self.ready_at: list[int] = []
        self.fed_at: list[int] = []
        self.texts: list[str] = []
        self._clock = clock

    def ready(self) -> None:
        self.ready_at.append(self._clock.now_ns)

    def alive(self) -> None:
        self.fed_at.append(self._clock.now_ns)

    def status(self, text: str) -> None:
        self.texts.append(text)


class Bench:
    """A node, put together from parts that the test can look into."""

    def __init__(
        self,
        clock: FakeClock,
        source: ScriptedSource,
        *,
        stall_after_s: float = 5.0,
        pace: Pace | None = None,
    ) -> None:
        self.clock = clock
        self.sent = Collected()
        self.systemd = Systemd(clock)
        self.figures = NodeFigures("porch", source.counts, clock)
        self.hangs = HangDetector(clock)
        self.node = CameraNode(
            CameraNodeParts(
                camera="porch",
                source=source,
                encoder=Encoder(),
                publisher=self.sent,
                supervisor=self.systemd,
                figures=self.figures,
                hangs=self.hangs,
                clock=clock,
                plan=lambda _fps: pace or Pace(0.0, stall_after_s, stall_after_s),
            )
        )

    @property
    def state(self) -> str:
        return self.figures.report(MachineFigures()).state

    def figure(self, name: str) -> object:
        return getattr(self.figures.report(MachineFigures()).publisher, name)


def _picture(index: int = 0, clock: FakeClock | None = None) -> CapturedFrame:
    return CapturedFrame(PICTURES[index], clock.wall_ns() if clock else 0)


def test_every_picture_is_published_once_with_its_time() -> None:
    """What the source gives is published, in order, with the time of its capture."""
    clock = FakeClock(stop_s=60)
    pictures = [CapturedFrame(data, 1000 + index) for index, data in enumerate(PICTURES)]
    bench = Bench(clock, ScriptedSource(clock, [*pictures, Idle.ENDED]))

    bench.node.run()

    assert bench.sent.frames == [(picture.content, picture.captured_ns) for picture in pictures]


def test_a_source_that_is_over_keeps_the_node_up() -> None:
    """At its end nothing more is published, nothing is opened again, and systemd is content."""
    clock = FakeClock(stop_s=600)
    source = ScriptedSource(clock, [_picture(), Idle.ENDED])
    bench = Bench(clock, source)

    bench.node.run()

    assert bench.state == "ended"
    assert len(source.opened_at) == 1
    assert len(bench.sent.frames) == 1
    assert _longest_pause_s(bench.systemd.fed_at) < 10
    assert clock.now_ns >= clock.stop_ns


def test_a_failed_source_is_opened_again_with_growing_pauses() -> None:
    """1 s five times, 5 s five times, then 30 s, each a little random."""
    clock = FakeClock(stop_s=150)
    source = ScriptedSource(clock, *[SourceError("unplugged") for _ in range(50)])
    bench = Bench(clock, source)

    bench.node.run()

    pauses = [b - a for a, b in itertools.pairwise(source.opened_at)]
    wanted = [*PAUSES_S, 30.0, 30.0, 30.0]
    assert len(pauses) >= 12
    for pause, nominal in zip(pauses, wanted, strict=False):
        assert nominal * (1 - JITTER) - 1e-6 <= pause <= nominal * (1 + JITTER) + 1e-6


def test_an_outage_is_one_line_and_one_event(caplog: pytest.LogCaptureFixture) -> None:
    """Fifty attempts are one warning; the return is one line; the event starts and ends."""
    caplog.set_level(logging.INFO)
    clock = FakeClock(stop_s=5000)
    failures = [SourceError("unplugged") for _ in range(50)]
    bench = Bench(clock, ScriptedSource(clock, [_picture()], *failures, [_picture(1), Idle.ENDED]))

    bench.node.run()

    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert sum("back after" in record.message for record in caplog.records) == 1
    kinds = [(kind, state, name) for kind, state, name, _ in bench.sent.events]
    assert kinds == [("camera-offline", "start", "event-0"), ("camera-offline", "end", "event-0")]
    assert bench.sent.jpegs == PICTURES[:2]
    assert bench.figure("reopened") == 1
    assert "no usable frame" in str(bench.sent.events[0][3]["reason"])


def test_an_absent_source_does_not_anger_the_watchdog() -> None:
    """Being ready and alive includes knowing that the source is not there."""
    clock = FakeClock(stop_s=300)
    bench = Bench(clock, ScriptedSource(clock, *[SourceError("unplugged") for _ in range(100)]))
    begun_ns = clock.now_ns

    bench.node.run()

    assert bench.state == "offline"
    assert bench.figure("last_error") == "unplugged"
    assert bench.systemd.ready_at == [begun_ns]
    assert _longest_pause_s(bench.systemd.fed_at) < 10
    assert bench.systemd.texts == ["unplugged"] * len(bench.systemd.texts)


def test_a_stall_is_noticed_in_time_and_the_source_reopened() -> None:
    """A source that is open but silent for `stall_after` is opened again."""
    clock = FakeClock(stop_s=30)
    source = ScriptedSource(clock, [_picture()], [_picture(1)])
    bench = Bench(clock, source, stall_after_s=3)

    bench.node.run()

    began = next(event for event in bench.sent.events if event[1] == "start")
    assert "no usable frame for 3 s" in str(began[3]["reason"])
    assert bench.sent.jpegs == PICTURES[:2]


def test_a_source_that_gives_damaged_pictures_only_says_so() -> None:
    clock = FakeClock(stop_s=30)

    def damage() -> None:
        source.counts.unreadable += 1

    source = ScriptedSource(clock, [damage, _picture(), damage, damage], [_picture(1)])
    bench = Bench(clock, source, stall_after_s=3)

    bench.node.run()

    began = next(event for event in bench.sent.events if event[1] == "start")
    assert str(began[3]["reason"]).endswith("no usable frame for 3 s: 2 were damaged")


@pytest.mark.parametrize("interval_s", [5, 7, 12, 30, 59])
def test_a_slow_stream_of_unknown_pace_is_left_open(interval_s: int) -> None:
    """One picture in up to a minute, with nothing said of it in the site file."""
    clock = FakeClock(stop_s=20 * interval_s)
    camera = HttpCamera(url="http://camera/stream")
    source = ScriptedSource(clock, _each(interval_s, 15))
    bench = Bench(clock, source, pace=planned_pace(camera))

    bench.node.run()

    assert len(source.opened_at) == 1
    assert len(bench.sent.frames) == 15
    assert not bench.sent.events
    assert bench.state == "ended"


@pytest.mark.parametrize(("fps", "stop_s"), [(1 / 60, 1000), (1 / 3600, 50_000)])
@pytest.mark.parametrize("snapshot", [False, True])
def test_a_slow_camera_whose_pace_is_configured_feeds_the_watchdog(
    fps: float, stop_s: float, snapshot: bool
) -> None:
    """Down to one picture an hour: no stall, no event, and systemd is content."""
    clock = FakeClock(stop_s=stop_s)
    camera = HttpCamera(url="http://camera/", fps=fps, snapshot=snapshot)
    source = ScriptedSource(clock, _each(round(1 / fps), 10))
    bench = Bench(clock, source, pace=planned_pace(camera))

    bench.node.run()

    assert len(source.opened_at) == 1
    assert not bench.sent.events
    assert _longest_pause_s(bench.systemd.fed_at) < 10


def test_a_fast_stream_that_stops_is_noticed_though_its_pace_was_unknown() -> None:
    """After some pictures the pace is known, and a silence of 5 s is a stall."""
    clock = FakeClock(stop_s=30)
    source = ScriptedSource(clock, [_picture(index) for index in range(6)], [_picture(6)])
    bench = Bench(clock, source, pace=planned_pace(HttpCamera(url="http://camera/stream")))

    bench.node.run()

    assert "no usable frame for 5 s" in str(bench.sent.events[0][3]["reason"])
    assert bench.sent.jpegs == PICTURES[:7]


def test_a_source_that_never_gives_a_frame_gets_a_hint() -> None:
    """A slow start needs a longer `stall_after`; a stream that gave frames before does not."""
    clock = FakeClock(stop_s=20)
    bench = Bench(clock, ScriptedSource(clock, [], [_picture()], []))

    bench.node.run()

    assert "set a longer `stall_after`" in str(bench.sent.events[0][3]["reason"])
    stopped = Bench(clock := FakeClock(stop_s=20), ScriptedSource(clock, [_picture()]))
    stopped.node.run()
    assert "stall_after" not in str(stopped.sent.events[0][3]["reason"])


def _each(interval_s: int, pictures: int) -> list[Step]:
    """A picture at once and then one after each interval; silence in between."""
    silence = [Idle.SILENT] * (2 * interval_s)
    steps: list[Step] = []
    for index in range(pictures):
        steps += [_picture(index % len(PICTURES)), *silence]
    return [*steps, Idle.ENDED]


def test_a_stall_is_not_fed_to_the_watchdog() -> None:
    """While a source that should give pictures gives none, the watchdog hears nothing."""
    clock = FakeClock(stop_s=8)
    bench = Bench(clock, ScriptedSource(clock, [_picture()]), stall_after_s=100)

    bench.node.run()

    assert len(bench.systemd.fed_at) == 1


def test_the_last_picture_is_never_sent_again() -> None:
    """Through a stall and an outage, no picture is published twice."""
    clock = FakeClock(stop_s=200)
    openings: list[list[CapturedFrame] | SourceError] = []
    for index in range(4):
        openings += [[_picture(index)], SourceError("gone")]
    bench = Bench(clock, ScriptedSource(clock, *openings))

    bench.node.run()

    assert bench.sent.jpegs == PICTURES[:4]


def test_a_paced_source_is_not_a_stalled_one() -> None:
    """One picture in ten minutes is fine if that is its pace."""
    clock = FakeClock(stop_s=2000)
    script: list[Step] = [_picture(), *[Idle.PACED] * 1200, _picture(1), Idle.ENDED]
    bench = Bench(clock, ScriptedSource(clock, script))

    bench.node.run()

    assert bench.sent.jpegs == PICTURES[:2]
    assert not bench.sent.events


def test_bad_pictures_are_counted_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """Garbage among good pictures costs a count and one line, nothing else."""
    clock = FakeClock(stop_s=60)
    garbage = [
        CapturedFrame(b"garbage", 0),
        CapturedFrame(PICTURES[0][:-2], 0),
        CapturedFrame(b"", 0),
    ]
    script: list[Step] = [_picture(), *garbage, _picture(1), *garbage, Idle.ENDED]
    bench = Bench(clock, ScriptedSource(clock, script))

    bench.node.run()

    assert bench.sent.jpegs == PICTURES[:2]
    assert bench.sent.counts.refused == 6
    assert sum(record.levelno == logging.WARNING for record in caplog.records) == 2


def test_nothing_but_bad_pictures_is_a_stall() -> None:
    """A camera that sends only garbage is opened again, and the reason is reported."""
    clock = FakeClock(stop_s=30)
    script: list[Step] = [CapturedFrame(b"garbage", 0), Idle.SILENT] * 40
    bench = Bench(clock, ScriptedSource(clock, script), stall_after_s=2)

    bench.node.run()

    assert "not a whole JPEG" in str(bench.figure("last_error"))
    assert bench.sent.events[0][:2] == ("camera-offline", "start")
    assert len(bench.systemd.fed_at) >= 1


def test_hostile_jpegs_cannot_stop_the_node() -> None:
    """Thousands of files that broke decoders are published or refused, and all is counted."""
    everything = [data for _, data in hostile_jpegs()]
    good = 0
    for data in everything:
        try:
            upright_size(Encoder().encode(CapturedFrame(data, 0)))
            good += 1
        except WireError:
            pass
    clock = FakeClock(stop_s=60)
    script: list[Step] = [*(CapturedFrame(data, 0) for data in everything), Idle.ENDED]
    bench = Bench(clock, ScriptedSource(clock, script))

    bench.node.run()

    assert len(bench.sent.frames) == good
    assert bench.sent.counts.refused == len(everything) - good


def test_a_source_that_must_not_be_reopened_ends_the_node() -> None:
    """What only a new process can recover is raised, and nothing is tried again."""
    clock = FakeClock(stop_s=600)
    source = ScriptedSource(clock, [_picture()])
    source.reopens = False
    bench = Bench(clock, source)

    with pytest.raises(FinalSourceError, match="no usable frame"):
        bench.node.run()

    assert len(source.opened_at) == 1


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_clock_step_is_an_event_and_disturbs_nothing(step_s: int) -> None:
    """Sequences, order and the stall watch survive a clock that is set by an hour."""
    clock = FakeClock(stop_s=20)

    def step() -> None:
        clock.wall_ahead_ns += step_s * 1_000_000_000

    script: list[Step] = [
        _picture(0),
        Idle.SILENT,
        step,
        _picture(1),
        Idle.SILENT,
        _picture(2),
        Idle.ENDED,
    ]
    bench = Bench(clock, ScriptedSource(clock, script))

    bench.node.run()

    assert bench.sent.jpegs == PICTURES[:3]
    assert [event[:2] for event in bench.sent.events] == [
        ("clock-step", "start"),
        ("clock-step", "end"),
    ]
    assert bench.sent.events[0][3] == {"seconds": float(step_s)}


def test_an_unfinished_outage_ends_with_the_node() -> None:
    """Each event gets its end."""
    clock = FakeClock(stop_s=10)
    bench = Bench(clock, ScriptedSource(clock, *[SourceError("gone") for _ in range(20)]))

    bench.node.run()

    assert [event[:2] for event in bench.sent.events] == [
        ("camera-offline", "start"),
        ("camera-offline", "end"),
    ]


def test_unwanted_frames_are_numbered_and_the_source_is_live() -> None:
    """They count as pictures of a source that works: no stall, a watchdog that is fed."""
    clock = FakeClock(stop_s=60)
    script: list[Step] = [_picture()]

    def pause() -> None:
        clock.wait(0.3)

    for _ in range(50):
        script += [SkippedFrames(3), pause]
    script += [_picture(1), Idle.ENDED]
    bench = Bench(clock, ScriptedSource(clock, script))

    bench.node.run()

    assert (bench.sent.counts.unwanted, bench.sent.counts.captured) == (150, 152)
    assert bench.sent.jpegs == PICTURES[:2]
    assert not bench.sent.events
    assert _longest_pause_s(bench.systemd.fed_at) < 6


def test_a_picture_is_encoded_with_the_quality_of_the_moment() -> None:
    """As an operator or the link has it; without a word, as the site file has it."""
    clock = FakeClock(stop_s=60)
    image = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)

    def lower() -> None:
        bench.sent.quality = 20

    script: list[Step] = [CapturedFrame(image, 0), lower, CapturedFrame(image, 1), Idle.ENDED]
    bench = Bench(clock, ScriptedSource(clock, script))
    bench.node.run()

    assert bench.sent.jpegs == [
        Encoder().encode(CapturedFrame(image, 0)),
        Encoder(quality=20).encode(CapturedFrame(image, 0)),
    ]
    assert len(bench.sent.jpegs[0]) > 2 * len(bench.sent.jpegs[1])


def test_figures_are_null_while_unknown() -> None:
    """Before the first picture no rate, size or sequence is claimed."""
    clock = FakeClock()
    bench = Bench(clock, ScriptedSource(clock))

    report = bench.figures.report(MachineFigures(temperature_c=50.0))

    assert report.state == "waiting"
    assert report.machine == MachineFigures(temperature_c=50.0)
    assert report.publisher == PublisherFigures(
        uptime_s=0, unreadable=0, source_dropped=0, reopened=0
    )


def test_figures_of_a_flowing_camera() -> None:
    """Rates are measured over the last seconds, and fall when the pictures stop."""
    clock = FakeClock(stop_s=10.05)
    script: list[Step] = []

    def pause() -> None:
        clock.wait(0.1)

    for _ in range(120):
        script += [_picture(), pause]
    bench = Bench(clock, ScriptedSource(clock, script))

    bench.node.run()

    assert bench.state == "live"
    assert bench.figure("fps_in") == pytest.approx(10, abs=0.2)
    assert bench.figure("bytes_per_s") == pytest.approx(10 * len(PICTURES[0]), rel=0.02)
    assert (bench.figure("width"), bench.figure("height")) == (64, 48)
    assert bench.figure("encode_ms") is None  # passed through
    assert "live, 10.0 fps, 64x48" in bench.figures.sentence(bench.sent.counts)
    clock.wait(5)
    assert 5 < float(str(bench.figure("fps_in"))) < 8
    clock.wait(20)
    assert bench.figure("fps_in") is None


def test_pictures_that_did_not_leave_are_counted_apart() -> None:
    """Without a broker the node works on and counts what was lost."""
    clock = FakeClock(stop_s=60)
    bench = Bench(clock, ScriptedSource(clock, [_picture(), _picture(1), Idle.ENDED]))
    bench.sent.sends = False

    bench.node.run()

    assert (bench.sent.counts.sent, bench.sent.counts.unsent) == (0, 2)
    assert bench.figure("bytes_per_s") is None


def _longest_pause_s(moments_ns: list[int]) -> float:
    return max((b - a) / 1e9 for a, b in itertools.pairwise(moments_ns))


def test_a_thread_that_hangs_is_noticed() -> None:
    """A call that never returns, in a library or driver, ends as one clear error."""
    clock, never, stop = FakeClock(), threading.Event(), threading.Event()
    hangs = HangDetector(clock)

    def work() -> None:
        hangs.expect("reading /dev/video0", 6)
        clock.now_ns += 7_000_000_000
        never.wait()

    with pytest.raises(HungError, match="reading /dev/video0 hangs"):
        supervise(work, hangs, stop)
    never.set()


def test_a_thread_that_hangs_does_not_stop_the_stop() -> None:
    """SIGTERM ends a node within seconds even while its thread is stuck."""
    clock, never, stop = FakeClock(), threading.Event(), threading.Event()

    def work() -> None:
        stop.set()
        never.wait()

    with pytest.raises(StopHungError):
        supervise(work, HangDetector(clock), stop)
    never.set()


def test_what_the_thread_raises_is_raised() -> None:
    """A bug in the capturing thread is not swallowed: it crashes the process."""

    def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        supervise(work, HangDetector(FakeClock()), threading.Event())
