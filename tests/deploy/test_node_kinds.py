"""Every kind of node has what it needs to be installed."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import pytest

from camfan_config import BROKER, NODE_KINDS, NodeKind, load_site, node_kind, nodes, unit, unit_file
from camfan_config.types import (
    Camera,
    CameraRing,
    FileCamera,
    HttpCamera,
    Motion,
    Recorder,
    RtspCamera,
    Site,
    Size,
    Web,
)

REPOSITORY = Path(__file__).parents[2]
SYSTEMD = REPOSITORY / "deploy" / "systemd"
KINDS = pytest.mark.parametrize("kind", NODE_KINDS.values(), ids=lambda kind: kind.name)


@KINDS
def test_a_kind_has_its_unit_files(kind: NodeKind) -> None:
    """One for each node of it, and one without a name where a site can have a single one."""
    for name in {"porch", BROKER if kind.name == BROKER else "porch"}:
        text = (SYSTEMD / unit_file(kind, name)).read_text("utf-8")

        (command,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
        words = shlex.split(command.removeprefix("ExecStart=/opt/camfan/current/bin/"))
        assert tuple(words[: len(kind.command)]) == kind.command
        assert ("%i" in words) == ("@" in unit(kind, name))


def test_there_is_no_unit_file_of_a_kind_that_does_not_exist() -> None:
    """And none was forgotten when a kind was renamed."""
    known = {unit_file(kind, name) for kind in NODE_KINDS.values() for name in ("porch", BROKER)}

    assert {path.name for path in SYSTEMD.glob("*.service")} == {
        name for name in known if (SYSTEMD / name).exists()
    }


def test_extras_that_nodes_need_exist() -> None:
    """pip only warns of an extra that a package does not have."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    cameras: tuple[Camera, ...] = (
        FileCamera(path="v"),
        RtspCamera(url="rtsp://c"),
        HttpCamera(url="http://c", snapshot=True, size=Size(640, 480)),
    )
    needed = {node_kind("camera").needs_extra(camera) for camera in cameras}
    needed.add(node_kind("recorder").needs_extra(Recorder(path="r")))
    needed.add(node_kind("motion").needs_extra(Motion()))
    needed.add(node_kind("web").needs_extra(Web()))

    assert needed - {None} == {"video", "motion", "web"}
    assert needed - {None} <= set(project["optional-dependencies"])


def test_folders_that_nodes_write_are_known() -> None:
    """What a sandbox must leave open: recordings, rings on a disk, the state of the web server."""
    camera = FileCamera(path="v", ring=CameraRing(disk=10_000_000, path="/srv/ring"))

    assert list(node_kind("camera").folders(camera)) == ["/srv/ring"]
    assert list(node_kind("camera").folders(FileCamera(path="v"))) == []
    assert list(node_kind("recorder").folders(Recorder(path="/srv/r"))) == ["/srv/r"]
    assert list(node_kind("web").folders(Web(state="/srv/w"))) == ["/srv/w"]


def test_every_section_of_nodes_is_in_the_table() -> None:
    """A site with one node of each kind has a node of each kind."""
    site = load_site(REPOSITORY / "config" / "sites" / "one-pi.yaml", environment={})

    assert {node.kind for node in nodes(site)} == set(NODE_KINDS)
    fields = set(Site.__struct_fields__)
    assert {kind.section for kind in NODE_KINDS.values()} <= fields
