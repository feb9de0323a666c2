"""The door to a site file, when nothing is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from camfan_config import (
    EncodingCamera,
    FileCamera,
    HttpCamera,
    Picamera2Camera,
    RtspCamera,
    Site,
    SiteError,
    Size,
    V4l2Camera,
    load_site,
    read_site,
    title_of,
)
from camfan_config.report.render import show
from camfan_testing.hashes import PASSWORD_HASH, TOKEN_HASH

HEAD = "version: 1\nsite: home\n"


def load(folder: Path, text: str) -> Site:
    """The site of a file with this text."""
    path = folder / "site.yaml"
    path.write_text(HEAD + text)
    return load_site(path, environment={})


def test_three_keys_are_enough(tmp_path: Path) -> None:
    """All keys but version, site and cameras have defaults."""
    site = load(tmp_path, "cameras: {porch: {source: test}}")

    assert list(site.cameras) == ["porch"]
    assert site.broker.host == "127.0.0.1"
    assert site.broker.ports.delivery == 5552
    assert (site.recorders, site.motion, site.web) == ({}, {}, None)


def test_units_become_numbers(tmp_path: Path) -> None:
    """Seconds, bytes, shares and pixels, each from its own way of writing."""
    site = load(
        tmp_path,
        """
broker: {memory: 64MiB}
cameras: {a: {source: test, size: 640x480, stall_after: 1500ms}}
recorders: {r: {path: /r, segment: 10m, keep: {age: 7d, size: 200GB}}}
motion: {m: {min_area: 0.5%}}
""",
    )

    camera = site.cameras["a"]
    assert isinstance(camera, EncodingCamera)
    assert camera.size == Size(640, 480)
    assert camera.stall_after == 1.5
    assert site.broker.memory == 2**26
    assert site.recorders["r"].segment == 600
    assert site.recorders["r"].keep.age == 604_800
    assert site.recorders["r"].keep.size == 200 * 10**9
    assert site.motion["m"].min_area == 0.005


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    """A site file can be loaded from any folder."""
    site = load(
        tmp_path,
        """
security: {keys: keys/}
cameras: {a: {source: file, path: clips/a.avi}, b: {source: images, path: /pictures}}
""",
    )

    assert site.security.keys == str(tmp_path / "keys")
    assert isinstance(site.cameras["a"], FileCamera)
    assert site.cameras["a"].path == str(tmp_path / "clips/a.avi")
    assert site.cameras["b"].path == "/pictures"  # type: ignore[union-attr]  # an ImagesCamera


def test_defaults_are_inherited_value_by_value(tmp_path: Path) -> None:
    """The camera's own value wins, one value at a time."""
    site = load(
        tmp_path,
        """
defaults: {size: 1280x720, fps: 15, quality: 60, rotate: 180}
cameras:
  a: {source: picamera2, fps: 5}
  b: {source: picamera2, camera: 1, size: null}
  c: {source: images, path: p}
""",
    )

    a, b, c = site.cameras.values()
    assert isinstance(a, Picamera2Camera)
    assert isinstance(b, Picamera2Camera)
    assert (a.size, a.fps, a.quality, a.rotate) == (Size(1280, 720), 5, 60, 180)
    assert (b.size, b.fps) == (None, 15)
    assert c.fps == 15


def test_defaults_stay_away_from_what_passes_through_untouched(tmp_path: Path) -> None:
    """`rotate` in defaults neither turns nor forbids a webcam's own JPEGs."""
    site = load(
        tmp_path,
        """
defaults: {size: 1280x720, quality: 60, rotate: 180}
cameras:
  mjpg: {source: v4l2}
  yuyv: {source: v4l2, format: yuyv, device: /dev/video1}
  stream: {source: http, url: "http://cam/stream"}
  polled: {source: http, url: "http://cam/jpg", snapshot: true}
""",
    )

    mjpg, yuyv, stream, polled = site.cameras.values()
    assert isinstance(mjpg, V4l2Camera)
    assert isinstance(yuyv, V4l2Camera)
    assert isinstance(stream, HttpCamera)
    assert isinstance(polled, HttpCamera)
    assert (mjpg.size, mjpg.quality, mjpg.rotate) == (Size(1280, 720), 80, 0)
    assert (yuyv.size, yuyv.quality, yuyv.rotate) == (Size(1280, 720), 60, 180)
    assert (stream.size, stream.quality, stream.rotate) == (None, 80, 0)
    assert (polled.size, polled.quality, polled.rotate) == (Size(1280, 720), 60, 180)


def test_a_webcam_without_a_format_may_be_changed(tmp_path: Path) -> None:
    """What it gives is known once it is open; a change that is asked for makes it encode."""
    site = load(
        tmp_path,
        """
defaults: {quality: 60}
cameras:
  turned: {source: v4l2, rotate: 90}
  coarse: {source: v4l2, quality: 50, device: /dev/video1}
""",
    )

    turned, coarse = site.cameras.values()
    assert isinstance(turned, V4l2Camera)
    assert isinstance(coarse, V4l2Camera)
    assert (turned.format, turned.rotate, turned.quality) == (None, 90, 60)
    assert coarse.quality == 50


def test_keys_that_begin_with_x_are_for_anchors(tmp_path: Path) -> None:
    """At the top only, and not even looked into."""
    site = load(
        tmp_path,
        """
x-common: &slow {source: test, fps: 1}
x-rubbish: "${NOT_SET}"
cameras: {a: *slow, b: *slow}
""",
    )

    assert [camera.fps for camera in site.cameras.values()] == [1, 1]


def test_names_that_look_like_something_else_are_names(tmp_path: Path) -> None:
    """A key is text: `no`, `1` and `null` are good names for cameras."""
    site = load(tmp_path, "cameras: {no: {source: test}, 1: {source: test}, null: {source: test}}")
    assert list(site.cameras) == ["no", "1", "null"]


def test_controls_keep_their_types(tmp_path: Path) -> None:
    """Numbers, texts, yes and no, and lists of numbers reach libcamera as written."""
    site = load(
        tmp_path,
        """
cameras:
  a:
    source: picamera2
    controls: {AfMode: 0, LensPosition: 0.5, AeEnable: true, Mode: fast, ColourGains: [1, 2.5]}
""",
    )

    camera = site.cameras["a"]
    assert isinstance(camera, Picamera2Camera)
    assert camera.controls == {
        "AfMode": 0,
        "LensPosition": 0.5,
        "AeEnable": True,
        "Mode": "fast",
        "ColourGains": (1.0, 2.5),
    }
    assert type(camera.controls["AfMode"]) is int


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_safety_is_needed_on_one_machine(tmp_path: Path, host: str) -> None:
    """Loopback needs neither keys nor users."""
    load(tmp_path, f"broker: {{host: {host}}}\ncameras: {{a: {{source: test}}}}\nweb: {{}}")


def test_insecure_is_said_out_loud(tmp_path: Path) -> None:
    """`security.insecure: true` opens what would be refused."""
    site = load(
        tmp_path,
        """
broker: {host: hub.local, http: "0.0.0.0:5580"}
security: {insecure: true}
cameras: {a: {source: test, host: pi}}
web: {listen: "0.0.0.0:8080"}
""",
    )
    assert site.security.insecure


def test_no_secret_is_in_a_repr(tmp_path: Path) -> None:
    """A site that ends up in a log takes no password along."""
    site = load(
        tmp_path,
        'cameras: {a: {source: rtsp, url: "rtsp://u:hunter2@cam/1"}}\n'
        f"web: {{users: {{me: {{password: {PASSWORD_HASH}}}}}, "
        f"tokens: {{ha: {{token: {TOKEN_HASH}}}}}}}",
    )

    assert isinstance(site.cameras["a"], RtspCamera)
    assert "hunter2" in site.cameras["a"].url
    assert "hunter2" not in repr(site)
    assert "hunter2" not in f"{site.cameras['a']!r} {site.web!r}"
    assert PASSWORD_HASH not in repr(site)
    assert TOKEN_HASH not in repr(site)


def test_the_values_are_what_their_types_say() -> None:
    """The walk over the types and msgspec's own agree on a whole site."""
    farm = Path(__file__).parents[2] / "config/sites/farm.yaml"
    site = load_site(farm)
    assert msgspec.convert(msgspec.to_builtins(site), Site) == site


def test_where_a_value_stands_can_be_asked(tmp_path: Path) -> None:
    """`read_site` keeps the places for commands that explain a site."""
    path = tmp_path / "site.yaml"
    path.write_text(HEAD + "cameras:\n  a:\n    source: test\n")
    loaded = read_site(path)
    assert loaded.path == path
    assert loaded.places.line(("cameras", "a")) == 4


def test_a_relative_name_of_the_file_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths are absolute whatever the file was called by; errors use the name that was given."""
    (tmp_path / "site.yaml").write_text(HEAD + "cameras: {a: {source: file, path: v}}")
    monkeypatch.chdir(tmp_path)
    camera = load_site("site.yaml").cameras["a"]
    assert isinstance(camera, FileCamera)
    assert camera.path == str(tmp_path / "v")
    with pytest.raises(SiteError, match=r"^other\.yaml +cannot be read: No such file"):
        load_site("other.yaml")


@pytest.mark.parametrize(
    "title",
    ["Haustür links", "前门", "البوابة الأمامية", "\U0001f468\u200d\U0001f469 us",
     "🏠", "हिन्दी कैमरा", "5", "no", 'Tür: 2. Stock, "Hof"', "x" * 60],
)  # fmt: skip
def test_people_call_a_camera_what_they_like(tmp_path: Path, title: str) -> None:
    """Any script; the name stays what machines use. `camfan show` writes it so that it loads."""
    quoted = json.dumps(title, ensure_ascii=False)
    cameras = f"{{porch: {{source: test, title: {quoted}}}, b: {{source: test}}}}"
    site = load(tmp_path, f"cameras: {cameras}")
    shown = tmp_path / "shown.yaml"
    shown.write_text(show(read_site(tmp_path / "site.yaml", environment={})))
    again = load_site(shown, environment={})

    assert list(site.cameras) == ["porch", "b"]
    assert (title_of(site, "porch"), title_of(site, "b")) == (title, "b")
    assert title_of(again, "porch") == title


@pytest.mark.parametrize(
    "title",
    ["", " ", " x", "x ", "x" * 61, "a\u202eb", "a\u2066b", "a\u2069b", "\u200b", "\u200d\u200d",
     "a\u2028b", "\ufeffa", "a\tb", "a\u0085b", "a\u00a0", "\u3164", "\u2800", "a\u001bb"],
)  # fmt: skip
def test_a_title_can_be_seen_and_hides_nothing(tmp_path: Path, title: str) -> None:
    """No blanks around it, no control characters, none that turn the direction of text."""
    with pytest.raises(SiteError) as caught:
        load(tmp_path, f"cameras: {{porch: {{source: test, title: {json.dumps(title)}}}}}")

    (problem,) = caught.value.problems
    assert str(problem).count("\n") <= 2
    assert "cameras.porch.title: " in str(problem)
    assert not set(title) & set("\u202e\u2066\u2069\x1b") & set(problem.message)
