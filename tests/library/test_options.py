"""Wrong options are errors when they are given, in a sentence that names the option."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camfan import (
    EndpointError,
    EventPublisher,
    EventSubscriber,
    Position,
    Publisher,
    SiteError,
    Subscriber,
    UnknownCameraError,
)
from camfan.address import resolve
from camfan_testing.live import LiveBroker, publish_first, wait_until
from camfan_testing.sites import custom_cameras, write_site

RUN = "0" * 16
AWAY = "tcp://127.0.0.1:1"  # nothing is dialled, as the option is wrong


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path, custom_cameras("one", "two")).path


def refuse(error: type[Exception], words: str, work: Callable[[], Any]) -> None:
    with pytest.raises(error, match=words), work() as wrongly_made:
        wrongly_made.close()


@pytest.mark.parametrize(
    "value", [0, -1, -0.5, math.nan, math.inf, -math.inf, 1e-9, 1001, 10**400, np.float64("nan")]
)
def test_a_rate_is_a_rate(site: Path, value: float) -> None:
    refuse(ValueError, "max_fps is 0.001 to 1000", lambda: Subscriber(site, max_fps=value))
    refuse(ValueError, "max_fps is 0.001 to 1000", lambda: Subscriber.latest(AWAY, max_fps=value))


@pytest.mark.parametrize("value", ["5", b"5", True, False, [5], Decimal(5), 5j, np.bool_(True)])
@pytest.mark.parametrize("option", ["max_fps", "max_age"])
def test_a_number_is_a_number(site: Path, option: str, value: object) -> None:
    refuse(TypeError, f"{option} is a number, not", lambda: Subscriber(site, **{option: value}))  # type: ignore[call-overload]


@pytest.mark.parametrize("value", [-1, -1e-9, 0, math.nan, math.inf])
def test_an_age_is_more_than_nothing(site: Path, value: float) -> None:
    refuse(ValueError, "max_age is", lambda: Subscriber(site, max_age=value))


@pytest.mark.parametrize("value", [5, 0.5, np.float32(2.5), np.int64(3)])
def test_numbers_of_all_kinds_are_numbers(site: Path, value: float) -> None:
    with Subscriber(site, max_fps=value, max_age=value):
        pass


def test_the_rate_is_checked_when_it_changes(site: Path) -> None:
    with Subscriber(site) as frames:
        with pytest.raises(ValueError, match="max_fps"):
            frames.want("one", max_fps=0)
        with pytest.raises(TypeError, match="max_fps"):
            frames.want("one", max_fps="5")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"fps is 0\.001 to 1000"):
            frames.set_camera("one", fps=-1)
        with pytest.raises(UnknownCameraError, match="has no camera"):
            frames.set_camera("o*", fps=5)
        with pytest.raises(ValueError, match="quality is 1 to 100"):
            frames.set_camera("one", quality=101)
        with pytest.raises(TypeError, match="quality is a whole number"):
            frames.set_camera("one", quality=80.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cameras", "error", "words"),
    [
        ([], ValueError, "cameras is empty"),
        ((), ValueError, "cameras is empty"),
        ("", ValueError, "not a name or glob"),
        ("Porch", ValueError, "'Porch' is not a name or glob"),
        (["one", "a" * 65], ValueError, "not a name or glob"),
        (["one", 5], TypeError, "a name, a glob or a list"),
        (5, TypeError, "a name, a glob or a list"),
        (b"one", TypeError, "a name, a glob or a list"),
        (["one"] * 1025, ValueError, "at most 1024"),
    ],
)
def test_cameras_that_cannot_be_named(cameras: Any, error: type[Exception], words: str) -> None:
    for make in (Subscriber, Subscriber.every, EventSubscriber):
        refuse(error, words, lambda make=make: make(AWAY, cameras))  # type: ignore[misc]


@pytest.mark.parametrize("cameras", ["", "zebra", ["one", "zebra"], "z*", ["ONE"]])
def test_cameras_that_the_site_does_not_have(site: Path, cameras: Any) -> None:
    for make in (Subscriber, Subscriber.every, EventSubscriber):
        refuse(UnknownCameraError, "has no camera", lambda make=make: make(site, cameras))  # type: ignore[misc]


def test_no_cameras_are_enough_for_statuses_and_events(site: Path) -> None:
    with Subscriber(site, [], events=True), Subscriber(site, [], statuses=True) as frames:
        frames.want("one")
        frames.want([])


@pytest.mark.parametrize("cameras", [{"one", "two"}, ("one",), (c for c in ["one"]), "o*"])
def test_cameras_come_in_any_collection(site: Path, cameras: Any) -> None:
    with Subscriber(site, cameras):
        pass


@pytest.mark.parametrize(
    ("since", "error", "words"),
    [
        (5, TypeError, "since is a datetime, or a Position"),
        ("2026-01-01", TypeError, "since is a datetime, or a Position"),
        (datetime(2026, 1, 1), ValueError, "since has no time zone"),
        (datetime.min.replace(tzinfo=UTC), ValueError, "out of range"),
        ({"one": 5}, TypeError, "a Position for camera 'one'"),
        ({5: Position(RUN, 5)}, TypeError, "the camera of since"),
        ({"One!": Position(RUN, 5)}, ValueError, "the camera of since"),
    ],
)
def test_a_place_to_begin_is_a_place(
    site: Path, since: Any, error: type[Exception], words: str
) -> None:
    refuse(error, words, lambda: Subscriber.every(site, since=since))


def test_options_of_the_other_kind_are_refused_by_name(site: Path) -> None:
    make: Any = Subscriber
    words = r"'since' is an option of Subscriber\.every, not of Subscriber\.latest"
    refuse(TypeError, words, lambda: make(site, since={}))
    refuse(TypeError, words, lambda: make.latest(site, since={}))
    words = r"' is an option of Subscriber\.latest, not of Subscriber\.every"
    refuse(TypeError, "'max_fps" + words, lambda: make.every(site, max_fps=1))
    refuse(TypeError, "'max_age" + words, lambda: make.every(site, max_age=1))
    refuse(TypeError, "no option 'maxfps'; did you mean 'max_fps'", lambda: make(site, maxfps=1))
    with Subscriber.every(site) as frames, pytest.raises(TypeError, match="chooses its cameras"):
        frames.want("one")


@pytest.mark.parametrize("option", ["events", "statuses"])
def test_a_flag_is_a_flag(site: Path, option: str) -> None:
    make: Any = Subscriber
    refuse(TypeError, f"{option} is True or False", lambda: make(site, **{option: "yes"}))


@pytest.mark.parametrize("option", ["name", "kind"])
@pytest.mark.parametrize("make", [Subscriber, Subscriber.every, EventSubscriber, EventPublisher])
def test_a_name_is_a_name(site: Path, make: Any, option: str) -> None:
    refuse(
        ValueError, f"{option} 'Röntgen' is not a name", lambda: make(site, **{option: "Röntgen"})
    )
    refuse(TypeError, f"{option} is text", lambda: make(site, **{option: 5}))


def test_wrong_values_of_a_publisher(site: Path) -> None:
    refuse(ValueError, "quality is 1 to 100", lambda: Publisher(site, "one", quality=0))
    refuse(TypeError, "quality is a whole", lambda: Publisher(site, "one", quality=True))
    nameless: Any = None
    refuse(TypeError, "for one camera; to publish events", lambda: Publisher(site, nameless))
    refuse(TypeError, "camera is text, not 5", lambda: Publisher(site, 5))  # type: ignore[arg-type]
    refuse(UnknownCameraError, r"has no camera 'o\*'", lambda: Publisher(site, "o*"))
    refuse(ValueError, "not a name", lambda: Publisher(AWAY, "One!", ingest="127.0.0.1:1"))
    with Publisher(site, "one") as camera:
        with pytest.raises(TypeError, match="captured_ns is a whole number"):
            camera.publish(b"", captured_ns=1.5e18)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="captured_ns is"):
            camera.publish(b"", captured_ns=2**63)
        for factor, unit in ((10**9, "seconds"), (10**6, "milliseconds"), (10**3, "microseconds")):
            with pytest.raises(ValueError, match=f"looks like {unit}"):
                camera.publish(b"", captured_ns=time.time_ns() // factor)
        with pytest.raises(ValueError, match="error_ns is 0 to"):
            camera.publish(b"", error_ns=-1)
        with pytest.raises(ValueError, match="frames is 1 to"):
            camera.skip(0)
        with pytest.raises(ValueError, match="seconds is 0 to inf"):
            camera.rest(math.nan)
        assert camera.counts.captured == 0


@pytest.mark.parametrize(
    ("jpeg", "words"),
    [
        ("text", "a JPEG is bytes, not str"),
        (None, "a JPEG is bytes, not NoneType"),
        (np.zeros((16, 16, 3), np.uint8), "not ndarray; pixels go to publish_image"),
        (np.zeros(100, np.uint8), r"not ndarray; write \.tobytes\(\) behind it"),
    ],
)
def test_a_jpeg_is_bytes(site: Path, jpeg: Any, words: str) -> None:
    """An array of bytes, such as from OpenCV's imencode, is not taken for pixels."""
    with Publisher(site, "one") as camera:
        with pytest.raises(TypeError, match=words):
            camera.publish(jpeg)
        assert camera.counts.captured == 0


def test_a_picture_of_long_ago_may_be_published(site: Path) -> None:
    with Publisher(site, "one") as camera:
        camera.publish_image(np.zeros((16, 16, 3), np.uint8), captured_ns=10**18)
        assert camera.counts.captured == 1


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("key", 5, "key is the path of a key file, not int"),
        ("server_key", 5, "server_key is text, not int"),
        ("report", 5, "report is a function, not 5"),
    ],
)
@pytest.mark.parametrize(
    "make", [Subscriber, EventPublisher, lambda s, **o: Publisher(s, "one", **o)]
)
def test_options_of_all_that_connects(
    site: Path, make: Any, option: str, value: object, words: str
) -> None:
    refuse(TypeError, words, lambda: make(site, **{option: value}))


def test_a_key_of_the_broker_is_not_ignored_beside_a_site_file(site: Path) -> None:
    refuse(
        ValueError, "a site file has it in security", lambda: Subscriber(site, server_key="0" * 64)
    )


def test_objects_that_are_something_else(site: Path) -> None:
    refuse(TypeError, "ring is a .*CameraRing, not 5", lambda: Publisher(site, "one", ring=5))  # type: ignore[arg-type]
    refuse(TypeError, "loop is an event loop", lambda: Subscriber(site, loop=5))  # type: ignore[call-overload]
    refuse(TypeError, "did you mean 'cameras'", lambda: Subscriber(site, camera="one"))  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"kind": "Door bell"}, ValueError, "kind 'Door bell' is not a name"),
        ({"kind": 5}, TypeError, "kind is text, not 5"),
        ({"state": "begin"}, ValueError, "state is start, update, end, not 'begin'"),
        ({"camera": "One!"}, ValueError, "camera 'One!' is not a name"),
        ({"id": "x" * 65}, ValueError, "this event cannot be published"),
        ({"time_ns": 2**70}, ValueError, "time_ns is 0 to"),
        ({"time_ns": 1.5}, TypeError, "time_ns is a whole number"),
        ({"details": {"text": "x" * 70_000}}, ValueError, "this event cannot be published"),
        ({"details": {"door": object()}}, TypeError, "details is a dictionary of JSON values"),
        ({"details": [1]}, TypeError, r"details is a dictionary of JSON values, not \[1\]"),
    ],
)
def test_an_event_that_the_broker_would_reject(
    site: Path, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    whole: dict[str, Any] = {"kind": "door", "state": "start"} | arguments
    with EventPublisher(site) as door, pytest.raises(error, match=words):
        door.event(**whole)


# ---- where a site is ----


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("hub.local", "tcp://hub.local:5552"),
        ("hub.local:6000", "tcp://hub.local:6000"),
        ("hub", "tcp://hub:5552"),
        ("192.168.1.5", "tcp://192.168.1.5:5552"),
        ("192.168.1.5:5552", "tcp://192.168.1.5:5552"),
        ("[::1]:5552", "tcp://[::1]:5552"),
        ("[fe80::1]", "tcp://[fe80::1]:5552"),
        ("::1", "tcp://[::1]:5552"),
        ("tcp://hub.local:5552", "tcp://hub.local:5552"),
        ("ipc:///run/camfan.sock", "ipc:///run/camfan.sock"),
    ],
)
def test_an_address_may_be_short(address: str, endpoint: str) -> None:
    assert resolve(address) == endpoint


@pytest.mark.parametrize(
    "address",
    ["hub:", "hub:0", "hub:65536", "hub:port", "hub:5552x", "[::1", "[zebra]:5552", "a b", "", "ä",
     "-hub", "...", "x" * 300 + ":1:1", "tcp://[x]:5552", "tcp://hub:70000",
     "hub:5552:5553", "tcp://", "http://hub:5552"],
)  # fmt: skip
def test_what_is_neither_an_address_nor_a_file(address: str) -> None:
    with pytest.raises(EndpointError, match=re.escape(f"'{address}'")):
        resolve(address)


@pytest.mark.parametrize(
    "path", ["site.yaml", "home.yml", "config/site", "./hub", "/etc/camfan/site.yaml", "Site.YAML"]
)
def test_a_site_file_that_is_missing_is_said_to_be(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is dialled that is called site.yaml."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SiteError, match="No such file"):
        resolve(path)


def test_a_file_that_exists_is_a_site_file(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is called."""
    monkeypatch.chdir(site.parent)
    (site.parent / "hub.local").write_bytes(site.read_bytes())

    loaded = resolve("hub.local")

    assert not isinstance(loaded, str)
    assert loaded.site == "testing"


@pytest.mark.parametrize("path", [".", ".."])
def test_a_folder_is_not_dialled(path: str) -> None:
    with pytest.raises(SiteError, match="Is a directory"):
        Subscriber(path)


def test_what_is_not_a_site() -> None:
    for wrong in (5, None, b"hub", ["site.yaml"]):
        with pytest.raises(TypeError, match="a site is a path, an address or a Site"):
            resolve(wrong)  # type: ignore[arg-type]


def test_short_addresses_reach_a_broker(live: LiveBroker) -> None:
    ports = live.site.broker.ports
    with (
        Publisher(
            f"localhost:{ports.delivery}", "one", ingest=f"127.0.0.1:{ports.ingest}"
        ) as camera,
        Subscriber(f"127.0.0.1:{ports.delivery}", "one") as frames,
    ):
        wait_until(lambda: frames.connected)
        publish_first(camera)
        assert frames.read(20.0).camera == "one"


# ---- what types say ----

TYPES = """
from camfan import Event, EventSubscriber, Frame, Publisher, Subscriber
from camfan.reading.mailbox import Item

frame: Frame = Subscriber("s.yaml", "porch", max_fps=5).read()
frame = Subscriber.latest("s.yaml", max_age=1).read()
frame = Subscriber.every("s.yaml", since={}).read()
item: Item = Subscriber("s.yaml", events=True).read()
item = Subscriber.every("s.yaml", events=True).read()
event: Event = EventSubscriber("s.yaml", updates=False).read()
Subscriber("s.yaml", since={})  # ERROR
Subscriber.latest("s.yaml", since={})  # ERROR
Subscriber.every("s.yaml", max_fps=5)  # ERROR
Subscriber.every("s.yaml", max_age=5)  # ERROR
Subscriber("s.yaml", None, "every")  # ERROR
Subscriber("s.yaml", mode="every")  # ERROR
Subscriber("s.yaml", max_fps="5")  # ERROR
frame = Subscriber("s.yaml", events=True).read()  # ERROR
Publisher("s.yaml")  # ERROR
"""


def test_a_type_checker_refuses_wrong_combinations(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(TYPES, encoding="utf-8")
    expected = {n for n, line in enumerate(TYPES.splitlines(), 1) if line.endswith("# ERROR")}

    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", program],
        capture_output=True,
        text=True,
        check=False,
    )

    found = {int(n) for n in re.findall(r"program\.py:(\d+): error", run.stdout)}
    assert found == expected, run.stdout + run.stderr


def test_the_short_form_reads_the_newest_frames_only(site: Path) -> None:
    with pytest.raises(TypeError, match=r"Subscriber\.every"):
        Subscriber(site, None, "every")  # type: ignore[call-overload]


@pytest.mark.parametrize("port", ["ingest", "fanout"])
def test_another_port_of_the_broker_is_named(live: LiveBroker, port: str) -> None:
    """The sentence says which port is right, also in the TimeoutError."""
    with Subscriber(f"127.0.0.1:{getattr(live.site.broker.ports, port)}") as frames:
        wait_until(lambda: frames.trouble is not None)
        assert "its delivery port, 5552 by default" in str(frames.trouble)
        with pytest.raises(TimeoutError, match="5552 by default"):
            frames.read(0.01)
