"""`camfan trace`: what became of one frame is said by each place that it passed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from camfan import Publisher, Subscriber
from camfan_nodes import cli
from camfan_nodes.recorder.node import run as record
from camfan_nodes.shared.asking import NoAnswerError, ask
from camfan_testing.live import Camera, LiveBroker, live_broker, publish_first, wait_until
from camfan_testing.processes import running_broker
from camfan_testing.sites import custom_cameras, write_site
from camfan_wire.messages import Hop, Trace, Traced

READ_S = 10.0


def trace(live: LiveBroker, sequence: int, run: str | None = None) -> dict[str, Hop]:
    """The hops by place; the recorder's own word stands under `NAME recorded`."""
    question = Trace(id="q", camera="one", sequence=sequence, run=run)
    answer = ask(live.site, question, Traced, name="trace")
    assert (answer.id, answer.camera, answer.sequence) == ("q", "one", sequence)
    return {hop.node + (" itself" if hop.outcome == "recorded" else ""): hop for hop in answer.hops}


def test_a_frame_that_was_delivered_is_known_at_each_place(live: LiveBroker) -> None:
    with (
        Publisher(live.site, "one") as one,
        Subscriber.every(live.site, "one", name="all") as every,
        Subscriber(live.site, "one", name="newest") as newest,
    ):
        first = publish_first(one)
        wait_until(lambda: every.read(READ_S).sequence == first)  # it gets what came before, too
        assert newest.read(READ_S).sequence == first

        hops = trace(live, first)

        assert hops["broker"].outcome == "received"
        assert hops["broker"].time is not None
        assert hops["all"].outcome == "delivered"
        assert hops["newest"].outcome == "delivered"


def test_a_frame_that_a_newer_one_replaced_is_skipped(live: LiveBroker) -> None:
    with (
        Publisher(live.site, "one") as one,
        Subscriber(live.site, "one", max_fps=0.5, name="seldom") as seldom,
    ):
        first = publish_first(one)
        assert seldom.read(READ_S).sequence == first
        sent = [publish_first(one) for _ in range(4)]
        wait_until(lambda: live.broker.cameras["one"].last_sequence == sent[-1])
        assert trace(live, sent[1])["seldom"].outcome == "held"

        assert seldom.read(READ_S).sequence == sent[-1]
        assert trace(live, sent[1])["seldom"].outcome == "skipped"


def test_a_frame_that_has_not_come_is_not_known(live: LiveBroker) -> None:
    with Publisher(live.site, "one") as one:
        publish_first(one)

        hops = trace(live, 10**6)

        assert hops["broker"].outcome == "unknown"


def test_a_frame_of_another_run_is_not_taken_for_one_of_this(live: LiveBroker) -> None:
    with Publisher(live.site, "one") as one:
        first = publish_first(one)

        assert trace(live, first, run="0" * 16)["broker"].outcome == "unknown"
        assert trace(live, first, run=one.run)["broker"].outcome == "received"


def test_a_recorder_says_in_which_file_a_frame_is(tmp_path: Path) -> None:
    extra = f"recorders:\n  archive: {{path: {tmp_path / 'recordings'}, sync: 100ms}}"
    with live_broker(tmp_path, "one", extra=extra) as live:
        stop = threading.Event()
        recorder = threading.Thread(target=record, args=(live.site, "archive", stop))
        recorder.start()
        try:
            with Camera(live.site, "one") as camera:
                wait_until(lambda: len(camera.sent) > 20)
                wait_until(lambda: "archive itself" in trace(live, camera.sent[10]))
                hop = trace(live, camera.sent[10])["archive itself"]
        finally:
            stop.set()
            recorder.join()

    assert hop.reason is not None
    assert hop.reason.startswith("in one/")


def test_a_camera_that_is_not_there_is_refused(live: LiveBroker) -> None:
    with pytest.raises(NoAnswerError, match="no camera 'three' here; there is one, two"):
        ask(live.site, Trace(id="q", camera="three", sequence=1), Traced, name="trace")


def test_the_command_prints_a_line_a_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = write_site(tmp_path, custom_cameras("one"))
    with (
        running_broker(written.path),
        Camera(written.path, "one") as camera,
        Subscriber.every(written.path, "one", name="all") as frames,
    ):
        sequence = frames.read(READ_S).sequence
        code = cli.main(["trace", "one", str(sequence), "--config", str(written.path)])
        said = capsys.readouterr().out

        assert code == 0
        assert f"one {sequence}, run {camera.run_id}" in said
        assert [line.split()[:2] for line in said.splitlines()[3:]] == [
            ["broker", "received"],
            ["all", "delivered"],
        ]

        assert cli.main(["trace", "oen", "1", "--config", str(written.path)]) == 78
        assert "did you mean 'one'?" in capsys.readouterr().err
