"""What a site costs, and what is said when it costs too much."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_bench.jpeg_sizes import SIZES, frames, jpeg_bytes, measured, scaled
from camfan_config import (
    Broker,
    CameraKeep,
    Clips,
    FileCamera,
    HttpCamera,
    Keep,
    Motion,
    Recorder,
    Security,
    Site,
    Size,
    TestCamera,
    V4l2Camera,
    load_site,
)
from camfan_config.report.estimate import disk_per_day, frame_bytes, frame_range, traffic, warnings
from camfan_nodes.camera.encode import Encoder
from camfan_nodes.camera.pattern import Canvas
from camfan_nodes.camera.source import CapturedFrame
from camfan_nodes.demo.scene import DrawnScene
from camfan_testing.data import shared

SITES = Path(__file__).parents[2] / "config/sites"


@pytest.mark.parametrize("quality", [30, 60, 80, 90, 95])
@pytest.mark.parametrize("size", ["320x240", "640x480", "1280x720", "1920x1080"])
def test_the_test_picture_is_as_large_as_said(size: str, quality: int) -> None:
    """Within a factor of 1.5, for every size and quality."""
    width, height = map(int, size.split("x"))
    canvas = Canvas("porch", Size(width, height))
    canvas.draw(40, 1_700_000_000_000_000_000)
    made = Encoder(quality=quality).encode(CapturedFrame(canvas.planes, 0))

    said = frame_bytes(TestCamera(size=Size(width, height), quality=quality))

    assert said / 1.5 <= len(made) <= said * 1.5


@pytest.mark.parametrize("quality", [50, 80, 90])
@pytest.mark.parametrize("size", ["320x180", "640x360", "1280x720"])
def test_a_street_is_as_large_as_said(size: str, quality: int) -> None:
    """The drawn scene of the demonstration, with a tree and the noise of a sensor."""
    width, height = map(int, size.split("x"))
    frame = scaled(DrawnScene().frame(100), Size(width, height))

    said = frame_bytes(FileCamera(path="v", size=Size(width, height), quality=quality))

    assert said / 1.5 <= jpeg_bytes(frame, quality) <= said * 1.5


@pytest.mark.parametrize(
    "name", ["traffic_camera.mp4", "night_street_1080p_8frames.mp4", "psu_walk.avi", "vtest.avi"]
)
def test_footage_is_as_large_as_said(name: str) -> None:
    """Real streets, in their own size and in smaller ones."""
    images = list(frames(shared(f"video/{name}"), 3))
    height, width = images[0].shape[:2]
    for size in (Size(width, height), *(s for s in SIZES if s.width <= width)):
        found = measured(images, size, 80)
        if found is None:
            continue
        said = frame_bytes(FileCamera(path="v", size=size)) / (size.width * size.height)
        assert said / 1.5 <= found <= said * 1.5, size


def test_a_better_picture_is_a_larger_one() -> None:
    """At every quality there is."""
    cameras = [FileCamera(path="v", size=Size(640, 480), quality=q) for q in range(1, 101)]
    sizes = [frame_bytes(camera) for camera in cameras]
    assert sizes == sorted(sizes)
    assert sizes[94] == pytest.approx(2.12 * sizes[79])


def test_a_camera_that_encodes_itself_is_uncertain() -> None:
    """Its quality is not known; that of the test picture is."""
    webcam, own = V4l2Camera(size=Size(1280, 720)), FileCamera(path="v", size=Size(1280, 720))

    assert frame_bytes(webcam) > frame_bytes(own)
    assert frame_range(webcam)[1] > 2 * frame_bytes(webcam)
    assert frame_range(own) == (frame_bytes(own) / 3, frame_bytes(own) * 1.5)


def test_only_what_crosses_the_network_is_traffic() -> None:
    """A camera on the broker's own host costs it nothing."""
    site = Site(
        version=1,
        site="s",
        broker=Broker(host="hub"),
        cameras={
            "here": TestCamera(size=Size(1000, 1000), fps=10),
            "there": TestCamera(size=Size(1000, 1000), fps=10, host="pi"),
        },
        recorders={"r": Recorder(path="/r", cameras=("there",))},
        motion={"m": Motion(host="pi", fps=5)},
    )

    flows = traffic(site)

    rate = 10 * frame_bytes(site.cameras["there"])
    assert flows["pi"].sends == pytest.approx(rate)
    assert flows["hub"].receives == pytest.approx(rate)
    assert flows["hub"].sends == flows["pi"].receives == pytest.approx(rate)
    assert disk_per_day(site)["r"] == pytest.approx(rate * 86_400)


def test_the_farm_is_warned_of_wifi_and_of_its_disk() -> None:
    """With the numbers, and nothing else."""
    (wifi,) = warnings(load_site(SITES / "farm.yaml"))

    assert wifi.startswith("host porch-pi: its cameras send 22 Mbit/s, more than 2.4 GHz Wi-Fi")


def site(recorder: Recorder, **more: object) -> Site:
    """One camera at 1 MB/s, about, and this recorder."""
    return Site(
        version=1,
        site="s",
        cameras={"a": TestCamera(size=Size(1280, 720), fps=5), "b": HttpCamera(url="http://b")},
        recorders={"r": recorder},
        motion={"m": Motion(cameras=("b",))},
        **more,  # type: ignore[arg-type]  # other sections
    )


@pytest.mark.parametrize(
    ("recorder", "sentence"),
    [
        (Recorder(path="/r"), "recorders.r: recordings are never deleted, and the disk fills up"),
        (
            Recorder(path="/r", keep=Keep(cameras={"a": CameraKeep()})),
            "recorders.r: recordings are never deleted, and the disk fills up",
        ),
        (
            Recorder(path="/r", keep=Keep(age=60), clips=Clips(source=("m", "door"))),
            "recorders.r.clips: door is not a motion node; the events of a program of this name",
        ),
        (
            Recorder(path="/r", keep=Keep(age=60), modes={"a": "events"}),
            "recorders.r: without `clips: {from: [NAME]}` no event starts a recording",
        ),
    ],
)
def test_recordings_that_hardly_work_are_named(recorder: Recorder, sentence: str) -> None:
    """One sentence each, that begins with the key."""
    (warning,) = warnings(site(recorder))
    assert warning.startswith(sentence)


@pytest.mark.parametrize(
    "keep", [Keep(age=60), Keep(size=9), Keep(min_free=1), Keep(cameras={"*": CameraKeep(size=5)})]
)
def test_a_recorder_that_deletes_is_not_warned_of(keep: Keep) -> None:
    """Any limit will do, also that of some cameras only."""
    assert warnings(site(Recorder(path="/r", keep=keep))) == ()


@pytest.mark.parametrize(
    ("security", "sentence"),
    [
        (Security(insecure=True), "security.insecure: everyone on the network can watch"),
        (Security(insecure=True, keys="/k"), "security.insecure: has no effect"),
    ],
)
def test_insecure_is_always_said(security: Security, sentence: str) -> None:
    """`camfan check` prints it."""
    warning, _ = warnings(site(Recorder(path="/r"), security=security))
    assert warning.startswith(sentence)


def test_two_spellings_of_a_host_are_asked_about() -> None:
    """`porchpi` beside `porch-pi` is seldom meant; `pi-1` beside `pi-2` is."""
    hosts = ("porch-pi", "porchpi", "pi-1", "pi-2")
    cameras = {f"c{n}": TestCamera(host=host) for n, host in enumerate(hosts)}
    found = warnings(Site(version=1, site="s", broker=Broker(host="hub"), cameras=dict(cameras)))
    assert [warning for warning in found if "another machine" in warning] == [
        "host porchpi: is that another machine than porch-pi?"
    ]
