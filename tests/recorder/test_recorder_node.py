"""The recorder on a live broker: every frame that was published is recorded, once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from camfan import Frame, Publisher, Subscriber
from camfan_config import Site
from camfan_nodes.recorder import node
from camfan_nodes.recorder.index import Index
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera, live_broker, publish_first, wait_until
from camfan_testing.recordings import packets

RECORDER = "recorders:\n  archive: {path: recordings, cameras: [one, two]}"


@contextmanager
def recording(site: Site) -> Iterator[None]:
    """A recorder at work, from when it is ready until its files are closed."""
    stop, ready = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            node.run(site, "archive", stop, ready=ready.set)
        except BaseException as exc:
            failures.append(exc)
            ready.set()
            raise

    thread = threading.Thread(target=work, name="recorder")
    thread.start()
    try:
        assert ready.wait(10)
        assert not failures
        yield
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def recorded(folder: Path, camera: str) -> dict[tuple[str, int], bytes]:
    index = Index(folder / "recordings")
    found = {}
    for row in index.reader.segments(camera):
        jpegs = [data for _, data in packets(folder / "recordings" / row.path)]
        entries = index.reader.frames_of(row.id)
        assert row.state == "closed"
        for entry, data in zip(entries, jpegs, strict=True):
            found[row.run, entry.sequence] = data
    index.close()
    return found


def frames_in(watcher: Subscriber[Frame], camera: str) -> int:
    """How many frames of a camera the recorder says it has."""
    status = watcher.statuses.get("archive")
    recorder = None if status is None else status.recorder
    if recorder is None or camera not in recorder.cameras:
        return 0
    return recorder.cameras[camera].frames


def test_every_frame_is_recorded_across_a_restart(tmp_path: Path) -> None:
    """What is published while the recorder is down is fetched when it is back; nothing twice."""
    with (
        live_broker(tmp_path, "one", "two", extra=RECORDER) as live,
        Publisher(live.site, "one") as one,
    ):
        with recording(live.site):
            first = publish_first(one)  # a first recording begins with the last picture
            pictures = {(one.run, first): jpeg(64, 48, 0)}
            wait_until(lambda: _tail(tmp_path) == one.sequence - 1)
            pictures |= publish(one, 20)
            wait_until(lambda: _tail(tmp_path) == one.sequence - 1)
        pictures |= publish(one, 30)
        with recording(live.site):
            pictures |= publish(one, 5)
            wait_until(lambda: _tail(tmp_path) == one.sequence - 1)

    assert recorded(tmp_path, "one") == pictures
    index = Index(tmp_path / "recordings")
    (account,) = index.reader.completeness("one")
    assert (account.recorded, account.unexplained) == (len(pictures), 0)
    index.close()


def publish(camera: Publisher, count: int) -> dict[tuple[str, int], bytes]:
    """Pictures by their position, each another; those that did not leave at once come later."""
    made: dict[tuple[str, int], bytes] = {}
    for number in range(count):
        picture, first = jpeg(64, 48, number), camera.sequence
        last = publish_first(camera, picture)
        made |= {(camera.run, sequence): picture for sequence in range(first, last + 1)}
    return made


def _tail(folder: Path) -> int:
    """The last sequence of camera one that the index knows."""
    index = Index(folder / "recordings")
    position = index.reader.positions().get("one")
    index.close()
    return position.sequence if position else -1


def test_the_recorder_says_how_far_it_is(tmp_path: Path) -> None:
    """Its status counts frames by camera, and says until when it has them and what is free."""
    with (
        live_broker(tmp_path, "one", "two", extra=RECORDER) as live,
        Subscriber(live.site, ["one"], statuses=True) as watcher,
        recording(live.site),
        Camera(live.site, "one"),
    ):
        wait_until(lambda: frames_in(watcher, "one") > 3)
        status = watcher.statuses["archive"]

    assert (status.kind, status.state, status.message) == ("recorder", "recording", None)
    assert status.recorder is not None
    assert status.recorder.disk_free_bytes is not None
    assert status.recorder.cameras.keys() == {"one"}
    assert status.recorder.cameras["one"].recorded_until is not None
    assert status.recorder.cameras["one"].age_ms is not None
