"""`camfan camera NAME` as a process: what it sends, what it says, and how it ends."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import simplejpeg

from camfan import Frame, Subscriber
from camfan_nodes.camera.frame_number_mark import read_number
from camfan_testing.cameras import packets_of, write_video
from camfan_testing.live import wait_until
from camfan_testing.processes import Process, camfan, running_broker
from camfan_testing.sites import TestSite, write_site
from camfan_wire.figures import CameraFigures, PublisherFigures
from camfan_wire.messages import Status

STOP_LIMIT_S = 2.0


@pytest.fixture
def site(tmp_path: Path) -> TestSite:
    write_video(tmp_path / "walk.avi", 40, fps=20)
    return write_site(
        tmp_path,
        """cameras:
  pattern: {source: test, size: 320x240, fps: 30}
  walk: {source: file, path: walk.avi}
  lost: {source: file, path: wolk.avi}
  module: {source: picamera2, stall_after: 1s}
  mine: {source: custom}
""",
    )


@pytest.fixture
def broker(site: TestSite) -> Iterator[Process]:
    with running_broker(site.path) as process:
        yield process


def _camera(name: str, site: TestSite, env: dict[str, str] | None = None) -> Process:
    return camfan("camera", name, "--config", str(site.path), env=env)


def _stop(process: Process) -> float:
    """Seconds from SIGTERM to the end, which is clean."""
    begun = time.monotonic()
    assert process.stop() == 0, process.output
    return time.monotonic() - begun


def test_the_first_picture_of_a_slow_camera_is_had(tmp_path: Path) -> None:
    """The broker has it though the camera has only just started: the next one is an hour away."""
    site = write_site(tmp_path, "cameras:\n  hourly: {source: test, size: 320x240, fps: 1/h}\n")
    with (
        running_broker(site.path),
        Subscriber(site.path, "hourly", statuses=True) as frames,
        _camera("hourly", site),
    ):
        assert frames.read(10).sequence == 0
        wait_until(lambda: _said_by_broker(frames).received == 1)

        said = _said_by_broker(frames)
        assert (said.lost, said.stale_after_ms) == (0, 3 * 3_600_000)
        assert said.state == "live"


def _said_by_broker(frames: Subscriber[Frame]) -> CameraFigures:
    status = frames.statuses.get("broker")
    broker = None if status is None else status.broker
    return CameraFigures() if broker is None else broker.cameras.get("hourly", CameraFigures())


def _publisher(status: Status) -> PublisherFigures:
    return status.publisher or PublisherFigures()


def test_ctrl_c_during_the_start_is_a_clean_end(site: TestSite) -> None:
    """While its libraries are still being loaded."""
    command = [sys.executable, "-X", "importtime", "-m", "camfan_nodes", "camera", "pattern"]
    with Process([*command, "--config", str(site.path)]) as process:
        process.wait_for("| camfan_nodes.camera")  # the first module of the command is there

        assert process.stop(signal.SIGINT) == 0
        assert "Traceback" not in process.output


@pytest.mark.usefixtures("broker")
def test_the_sequence_in_the_picture_is_that_of_the_frame(site: TestSite) -> None:
    """What people and programs read in the test picture is what the header says."""
    with _camera("pattern", site), Subscriber.every(site.path, ["pattern"]) as frames:
        for _ in range(20):
            frame = frames.read(timeout=10)
            grey = simplejpeg.decode_jpeg(bytes(frame.jpeg), colorspace="GRAY")[:, :, 0]
            assert read_number(grey) == frame.sequence


@pytest.mark.usefixtures("broker")
def test_a_file_reaches_its_subscriber_byte_for_byte(site: TestSite) -> None:
    """Every JPEG of the file that a subscriber gets is the packet with that number."""
    packets = packets_of(site.path.parent / "walk.avi")
    with (
        Subscriber.every(site.path, ["walk"], statuses=True) as frames,
        _camera("walk", site) as node,
    ):
        for _ in range(10):
            frame = frames.read(timeout=10)
            assert bytes(frame.jpeg) == packets[frame.sequence]
        node.wait_for("has ended")
        wait_until(lambda: _state(frames, "walk") == "ended")
        assert node.popen.poll() is None
        assert _stop(node) < STOP_LIMIT_S


def _state(frames: Subscriber[Frame], node: str) -> str | None:
    status = frames.statuses.get(node)
    return status.state if status else None


@pytest.mark.usefixtures("broker")
def test_the_status_says_how_the_camera_is(site: TestSite) -> None:
    """Figures of the camera and its machine reach subscribers of statuses."""
    with (
        Subscriber(site.path, ["pattern"], statuses=True) as frames,
        _camera("pattern", site),
    ):
        wait_until(lambda: _state(frames, "pattern") == "live")
        wait_until(lambda: _publisher(frames.statuses["pattern"]).fps_in is not None)
        status = frames.statuses["pattern"]

    figures = _publisher(status)
    assert (figures.width, figures.height) == (320, 240)
    assert figures.refused == 0
    assert figures.encode_ms is not None
    assert status.machine is not None
    assert status.machine.memory_available_bytes is not None


@pytest.mark.usefixtures("broker")
def test_a_missing_source_is_a_state_and_an_event(site: TestSite) -> None:
    """The node stays up and says why there are no pictures; once there are, it goes on."""
    folder = site.path.parent
    with (
        Subscriber(site.path, ["lost"], events=True, statuses=True) as items,
        _camera("lost", site) as node,
    ):
        node.wait_for("there is no such file; in its folder: walk.avi")
        wait_until(lambda: (said := items.statuses.get("lost")) is not None and bool(said.message))
        assert items.statuses["lost"].state == "waiting"
        assert "wolk.avi" in str(items.statuses["lost"].message)

        (folder / "walk.avi").rename(folder / "wolk.avi")

        node.wait_for("back after")
        node.wait_for("64x48 MJPEG, passed through")
        assert _stop(node) < STOP_LIMIT_S


def test_readiness_and_watchdog_reach_systemd(site: TestSite, tmp_path: Path) -> None:
    """READY comes with the first picture or the news that there is none; then it is alive."""
    for name in ("pattern", "lost"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            address = tmp_path / f"notify-{name}"
            listener.bind(str(address))
            listener.settimeout(10)
            with _camera(name, site, env={"NOTIFY_SOCKET": str(address)}) as node:
                said = {listener.recv(1000).decode() for _ in range(4)}
                assert _stop(node) < STOP_LIMIT_S
                last = b""
                while last != b"STOPPING=1":
                    last = listener.recv(1000)

        assert {"READY=1", "WATCHDOG=1"} <= said
        assert any(text.startswith("STATUS=") for text in said)


def test_without_a_broker_the_node_runs_and_stops(site: TestSite) -> None:
    """Without a broker the node does not fail, and does not hang at its end."""
    with _camera("pattern", site) as node:
        node.wait_for("320x240 test picture at 30 fps")
        assert _stop(node) < STOP_LIMIT_S


FAKE_PICAMERA2 = """
import threading

class Request:
    def get_metadata(self): return {}
    def make_buffer(self, name): return bytearray(64 * 48 * 3 // 2)
    def release(self): pass

class Picamera2:
    taken = 0
    def __init__(self, number): pass
    def create_video_configuration(self, **asked): return asked
    def configure(self, configuration): pass
    def camera_configuration(self): return {"main": {"size": (64, 48), "stride": 64}}
    def start(self): pass
    def capture_request(self, wait): return "job"
    def wait(self, job, timeout):
        Picamera2.taken += 1
        if Picamera2.taken <= 3: return Request()
        STALL
    def close(self): pass
    @staticmethod
    def global_camera_info(): return [{"Model": "imx708"}]
"""


def _with_fake_picamera2(folder: Path, stall: str) -> dict[str, str]:
    """An environment with a picamera2 that gives three pictures and then does `stall`."""
    library = folder / "library"
    library.mkdir()
    (library / "picamera2.py").write_text(FAKE_PICAMERA2.replace("STALL", stall))
    (library / "libcamera.py").write_text("class ColorSpace:\n    Sycc = staticmethod(str)\n")
    return {"PYTHONPATH": str(library), "RUNTIME_DIRECTORY": str(folder)}


@pytest.mark.parametrize(
    ("stall", "words"),
    [
        ("threading.Event().wait()", "reading camera module 0 hangs; this process ends"),
        (
            "threading.Event().wait(timeout); raise TimeoutError",
            "no usable frame for 1 s; only a new process can reopen it",
        ),
    ],
)
def test_what_cannot_be_recovered_ends_the_process(
    site: TestSite, tmp_path: Path, stall: str, words: str
) -> None:
    """A hang in a library, and a stall of a camera module, end with 69 and a clear word."""
    with _camera("module", site, env=_with_fake_picamera2(tmp_path, stall)) as node:
        assert node.wait() == 69

    assert words in node.output
    assert "Traceback" not in node.output
    assert words in (tmp_path / "last-end").read_text()


def test_a_hang_does_not_outlast_sigterm(site: TestSite, tmp_path: Path) -> None:
    """Even stuck in a library, the node ends within two seconds."""
    env = _with_fake_picamera2(tmp_path, "print('stuck', flush=True); threading.Event().wait()")
    with _camera("module", site, env=env) as node:
        node.wait_for("stuck")

        assert _stop(node) < STOP_LIMIT_S + 0.5  # the start of an interpreter's end included


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("patern", "the site file has no camera 'patern'; did you mean 'pattern'?"),
        ("mine", "camera 'mine' is published by your own code"),
    ],
)
def test_a_wrong_name_is_a_mistake_of_configuration(site: TestSite, name: str, words: str) -> None:
    """Exit code 78, and a sentence that says what was probably meant."""
    with _camera(name, site) as node:
        assert node.wait() == 78

    assert words in node.output
    assert len(node.lines) == 1


def test_a_broken_site_file_starts_nothing(tmp_path: Path) -> None:
    """Exit code 78, with the place of the mistake."""
    site = write_site(tmp_path, "cameras: {porch: {source: tset}}")
    with _camera("porch", site) as node:
        assert node.wait() == 78

    assert "Nothing was started" in node.output


def test_a_missing_library_is_named_with_its_command(site: TestSite, tmp_path: Path) -> None:
    """Exit code 69, and the command that installs what is missing."""
    (tmp_path / "av.py").write_text("raise ImportError('no av')")
    with _camera("walk", site, env={"PYTHONPATH": str(tmp_path)}) as node:
        assert node.wait() == 69

    assert (
        "a camera that is a file needs PyAV: in camfan's source tree, pip install '.[video]'"
        in node.output
    )


def test_a_light_camera_loads_no_heavy_library(site: TestSite, tmp_path: Path) -> None:
    """A webcam or test camera runs where neither OpenCV nor PyAV is installed."""
    for name in ("av", "cv2", "aiohttp"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')")
    with _camera("pattern", site, env={"PYTHONPATH": str(tmp_path)}) as node:
        node.wait_for("320x240 test picture")
        assert _stop(node) < STOP_LIMIT_S


def test_cameras_are_listed() -> None:
    """`camfan cameras` ends well on any machine."""
    with camfan("cameras") as process:
        assert process.wait() == 0

    assert process.output
    if not list(Path("/dev").glob("video*")):
        assert "No cameras found" in process.output
