"""Which processes a host runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from camfan import Site, load_site
from camfan_nodes.shared.share import UnknownHostError, change, choose_host, share

FARM = """version: 1
site: farm
broker: {host: hub.local}
security: {insecure: true}
cameras:
  porch: {source: test, host: porch-pi}
  gate: {source: test, host: porch-pi}
  yard: {source: test}
  own: {source: custom}
motion:
  watch: {cameras: [porch]}
"""


def site_of(folder: Path, text: str) -> Site:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return load_site(path)


def test_a_host_runs_the_broker_first_and_nothing_of_others(tmp_path: Path) -> None:
    """In the order of the file; a custom camera is a program of the user."""
    site = site_of(tmp_path, FARM)

    assert [work.key for work in share(site, Path("s.yaml"), "hub")] == [
        ("broker", "broker"),
        ("camera", "yard"),
        ("motion", "watch"),
    ]
    assert [work.name for work in share(site, Path("s.yaml"), "porch-pi")] == ["porch", "gate"]


def test_a_node_is_started_as_a_person_would(tmp_path: Path) -> None:
    """`camfan camera NAME --config FILE`, with the Python that runs now."""
    broker, camera, _ = share(site_of(tmp_path, FARM), Path("s.yaml"), "hub")

    assert broker.command == (sys.executable, "-m", "camfan_broker", "--config", "s.yaml")
    assert camera.command == (
        sys.executable, "-m", "camfan_nodes", "camera", "yard", "--config", "s.yaml"
    )  # fmt: skip


def test_the_host_is_this_machine_unless_said_otherwise(tmp_path: Path) -> None:
    """By any way to write its name."""
    site = site_of(tmp_path, FARM)

    assert choose_host(site, None, machine="porch-pi.fritz.box") == "porch-pi"
    assert choose_host(site, "hub.local", machine="porch-pi") == "hub"


def test_a_site_on_one_machine_runs_on_any(tmp_path: Path) -> None:
    """Then there is nothing to choose."""
    site = site_of(tmp_path, "version: 1\nsite: a\ncameras: {one: {source: test}}\n")

    assert choose_host(site, None, machine="whatever") == "localhost"


def test_an_unknown_machine_gets_the_list_of_hosts(tmp_path: Path) -> None:
    """With what was meant, where that can be guessed."""
    site = site_of(tmp_path, FARM)

    with pytest.raises(UnknownHostError, match="no host 'porch-py'; did you mean 'porch-pi'"):
        choose_host(site, "porch-py")
    with pytest.raises(
        UnknownHostError, match=r"'laptop'.*its hosts are hub, porch-pi; choose one"
    ):
        choose_host(site, None, machine="laptop")


def test_a_machine_is_known_by_its_address_too(tmp_path: Path) -> None:
    """A broker that is named by an address runs where that address is."""
    text = FARM.replace("hub.local", "192.0.2.1")

    with pytest.raises(UnknownHostError):
        choose_host(site_of(tmp_path, text), None, machine="laptop")


def test_a_changed_camera_restarts_that_camera_alone(tmp_path: Path) -> None:
    """Another rate of one camera does not restart other nodes."""
    old = site_of(tmp_path, FARM)
    new = site_of(tmp_path, FARM.replace("yard: {source: test}", "yard: {source: test, fps: 5}"))

    found = change(old, new, Path("s.yaml"), "hub")

    assert found.restart == {"yard"}
    assert [work.name for work in found.processes] == ["broker", "yard", "watch"]
