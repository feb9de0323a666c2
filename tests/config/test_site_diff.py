"""What changes between two sites, and which nodes have to know."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_config import Site, SiteChange, diff_sites, load_site

BASE = """
version: 1
site: home
broker: {memory: 64MB}
security: {access: {lab: {view: [a]}}}
defaults: {quality: 80}
cameras:
  a: {source: test, zones: {z: [[0, 0], [1, 1], [1, 0]]}}
  b: {source: test}
  g: {source: rtsp, url: "rtsp://u:one@cam"}
recorders: {r: {path: /r}, s: {path: /s, cameras: [b]}}
motion: {m: {cameras: [a]}, n: {cameras: [b]}}
web: {}
"""


@pytest.fixture(name="old")
def old_site(tmp_path: Path) -> Site:
    """The site before."""
    return changed(tmp_path, "", "")


def changed(folder: Path, text: str, replacement: str) -> Site:
    """The same site with one text replaced."""
    assert text in BASE
    path = folder / "site.yaml"
    path.write_text(BASE.replace(text, replacement) if text else BASE)
    return load_site(path, environment={})


def test_the_same_site_changes_nothing(old: Site) -> None:
    """No node starts, stops or reloads."""
    diff = diff_sites(old, old)
    assert (diff.changes, diff.start, diff.stop, diff.restart, diff.reload) == ((), (), (), (), ())


EVERYONE = ("broker", "a", "b", "g", "r", "s", "m", "n", "web")


@pytest.mark.parametrize(
    ("text", "replacement", "start", "stop", "restart", "reload"),
    [
        ("  b: {", "  c: {source: test}\n  b: {", ("c",), (), (), ("broker", "r", "web")),
        ("s: {path: /s, cameras: [b]}", "s: {path: /s, cameras: [b]}, t: {path: /t, cameras: [a]}",
         ("t",), (), (), ("broker",)),
        ("motion: {m: {cameras: [a]}, n", "motion: {n", (), ("m",), (), ("broker",)),
        ("path: /s", "path: /elsewhere", (), (), ("s",), ()),
        ("  b: {source: test}", "  b: {source: test, fps: 5}", (), (), ("b",), ()),
        ("  b: {source: test}", "  b: {source: test, title: Barn}", (), (), ("web",), ()),
        ("  b: {source: test}", "  b: {source: file, path: v}", (), (), ("b",), ()),
        ("quality: 80", "quality: 70", (), (), ("a", "b", "g"), ()),
        ("[1, 0]", "[1, 0.5]", (), (), ("m",), ()),
        ("u:one@", "u:two@", (), (), ("g",), ()),
        ("view: [a]", "view: [b]", (), (), (), ("broker",)),
        ("memory: 64MB", "memory: 65MB", (), (), ("broker",), ()),
        ("memory: 64MB", "ports: {ingest: 7000}", (), (), EVERYONE, ()),
        ("access:", "keys: keys, access:", (), (), EVERYONE, ()),
        ("web: {}", "", (), ("web",), (), ("broker",)),
        ("version: 1", "# a comment\nversion: 1", (), (), (), ()),
        ("  b: {source: test}", "  b: {source: test, host: localhost}", (), (), (), ()),
    ],
)  # fmt: skip
def test_only_affected_nodes_are_named(
    tmp_path: Path,
    old: Site,
    text: str,
    replacement: str,
    start: tuple[str, ...],
    stop: tuple[str, ...],
    restart: tuple[str, ...],
    reload: tuple[str, ...],
) -> None:
    """A new camera or recorder restarts no node; a zone restarts the nodes that use it."""
    diff = diff_sites(old, changed(tmp_path, text, replacement))

    assert diff.start == start
    assert diff.stop == stop
    assert diff.restart == restart
    assert diff.reload == reload


def test_a_change_is_a_key_and_two_values(tmp_path: Path, old: Site) -> None:
    """Written as in the file; a mapping that comes or goes is one change."""
    new = changed(
        tmp_path,
        "  b: {source: test}\n",
        "  b: {source: test, size: 640x480}\n  c: {source: test}\n",
    )

    size, camera = diff_sites(old, new).changes

    assert size == SiteChange("cameras.b.size", None, "640x480", "changed")
    assert (camera.key, camera.sort) == ("cameras.c", "added")


def test_a_changed_password_is_noticed_and_not_shown(tmp_path: Path, old: Site) -> None:
    """Only that it changed."""
    (change,) = diff_sites(old, changed(tmp_path, "u:one@", "u:two@")).changes
    assert change == SiteChange("cameras.g.url", "rtsp://***@cam", "rtsp://***@cam", "changed")
