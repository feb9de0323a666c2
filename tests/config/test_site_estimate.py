"""What a site costs, and what is said when it costs too much."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_config import (
    Broker,
    Clips,
    HttpCamera,
    Keep,
    Motion,
    Recorder,
    Security,
    Site,
    Size,
    TestCamera,
    load_site,
)
from camfan_config.estimate import disk_per_day, frame_bytes, traffic, warnings

SITES = Path(__file__).parents[2] / "config/sites"


@pytest.mark.parametrize(
    ("size", "kilobytes"), [(Size(640, 480), 60), (Size(1280, 720), 180), (Size(1920, 1080), 400)]
)
def test_a_frame_has_the_size_that_was_measured(size: Size, kilobytes: float) -> None:
    """A busy scene at quality 80, within five per cent."""
    assert frame_bytes(TestCamera(size=size)) == pytest.approx(kilobytes * 1000, rel=0.05)


def test_a_better_picture_is_a_larger_one() -> None:
    """At every quality there is."""
    sizes = [frame_bytes(TestCamera(size=Size(640, 480), quality=q)) for q in range(1, 101)]
    assert sizes == sorted(sizes)
    assert sizes[94] == pytest.approx(2.12 * sizes[79])


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

    assert flows["pi"].sends == pytest.approx(1_950_000)
    assert flows["hub"].receives == pytest.approx(1_950_000)
    assert flows["hub"].sends == flows["pi"].receives == pytest.approx(2 * 975_000)
    assert disk_per_day(site)["r"] == pytest.approx(1_950_000 * 86_400)


def test_the_farm_is_warned_of_wifi_and_of_its_disk() -> None:
    """With the numbers, and nothing else."""
    wifi, disk = warnings(load_site(SITES / "farm.yaml"))

    assert wifi.startswith("host porch-pi: its cameras send 36 Mbit/s, more than 2.4 GHz Wi-Fi")
    assert disk == (
        "recorders.archive.keep: age 7d needs about 3.26 TB (466 GB a day), size is 200 GB: "
        "the oldest go after about 10.3 hours"
    )


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
        (Recorder(path="/r"), "recorders.r.keep: nothing is ever deleted"),
        (
            Recorder(path="/r", keep=Keep(size=10**6)),
            "recorders.r.keep.size: 1 MB is not even three",
        ),
        (
            Recorder(path="/r", cameras=("a",), keep=Keep(age=60), clips=Clips(source=("m",))),
            "recorders.r.clips.from: m watches no camera of this recorder",
        ),
    ],
)
def test_recordings_that_hardly_work_are_named(recorder: Recorder, sentence: str) -> None:
    """One sentence each, that begins with the key."""
    (warning,) = warnings(site(recorder))
    assert warning.startswith(sentence)


@pytest.mark.parametrize(
    ("security", "sentence"),
    [
        (Security(insecure=True), "security.insecure: everyone on the network can watch"),
        (Security(insecure=True, keys="/k"), "security.insecure: has no effect"),
    ],
)
def test_insecure_is_always_said(security: Security, sentence: str) -> None:
    """Whoever checks the file reads it."""
    (warning,) = warnings(site(Recorder(path="/r", keep=Keep(age=60)), security=security))
    assert warning.startswith(sentence)


def test_two_spellings_of_a_host_are_asked_about() -> None:
    """`porchpi` beside `porch-pi` is seldom meant; `pi-1` beside `pi-2` is."""
    hosts = ("porch-pi", "porchpi", "pi-1", "pi-2")
    cameras = {f"c{n}": TestCamera(host=host) for n, host in enumerate(hosts)}
    found = warnings(Site(version=1, site="s", broker=Broker(host="hub"), cameras=dict(cameras)))
    assert [warning for warning in found if "another machine" in warning] == [
        "host porchpi: is that another machine than porch-pi?"
    ]
