"""A resolved site as YAML, and as a Mermaid chart."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camfan_config import load_site, read_site
from camfan_config.report.graph import mermaid
from camfan_config.report.render import mask_url, show
from camfan_testing.hashes import PASSWORD_HASH

SITES = Path(__file__).parents[2] / "config/sites"


@pytest.mark.parametrize("name", ["farm.yaml", "one-pi.yaml", "demo.yaml"])
def test_what_is_shown_can_be_loaded(tmp_path: Path, name: str) -> None:
    """The same site, but for the secrets: nothing is lost, nothing is added."""
    environment = {"GATE_PASSWORD": "x", "WEB_PASSWORD_HASH": PASSWORD_HASH}
    loaded = read_site(SITES / name, environment=environment)
    shown = tmp_path / "site.yaml"
    shown.write_text(show(loaded))

    again = read_site(shown, environment={})

    assert show(again) == shown.read_text()
    assert again.site.broker == loaded.site.broker
    assert again.site.recorders == loaded.site.recorders
    assert again.site.motion == loaded.site.motion
    assert list(again.site.cameras) == list(loaded.site.cameras)


def test_defaults_are_filled_in_and_secrets_masked() -> None:
    """Also what came out of secrets.yaml."""
    text = show(read_site(SITES / "farm.yaml"))
    whole = yaml.safe_load(text)

    assert "example-only" not in text
    assert whole["cameras"]["gate"]["url"] == "rtsp://***@192.168.1.40:554/***"
    assert whole["cameras"]["gate"]["size"] == "1280x720"
    assert whole["cameras"]["gate"]["stall_after"] is None
    assert whole["cameras"]["gate"]["trickle"] == "5s"
    assert whole["web"]["users"]["family"]["password"] == "***"
    assert whole["recorders"]["archive"]["segment"] == "1m"
    assert whole["motion"]["yard"]["min_area"] == "0.3%"
    assert "quality" not in whole["cameras"]["driveway"]  # it would have no effect


def test_one_host_sees_its_own_nodes() -> None:
    """And the broker's section, which everyone needs."""
    whole = yaml.safe_load(show(read_site(SITES / "farm.yaml"), "porch-pi"))
    assert list(whole["cameras"]) == ["front-door", "driveway"]
    assert (whole["recorders"], whole["motion"], whole["web"]) == ({}, {}, None)
    assert whole["broker"]["host"] == "hub.local"


def test_the_environment_is_shown_by_its_name(tmp_path: Path) -> None:
    """A value from outside may be a secret, whatever its key."""
    path = tmp_path / "site.yaml"
    path.write_text(
        "version: 1\nsite: s\ncameras:\n  a:\n    source: v4l2\n    device: ${DEVICE}\n"
        "    fps: ${FPS:-5}\n"
    )
    camera = yaml.safe_load(show(read_site(path, environment={"DEVICE": "/dev/x"})))["cameras"]["a"]
    assert camera["device"] == "${DEVICE}"
    assert camera["fps"] == 5


TEXTS = st.one_of(
    st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1),
    st.sampled_from(["no", "22:30", "1e3", "0o17", "null", "~x", "$$", "${X}", "$", "=", "<<"]),
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(TEXTS)
def test_any_text_is_shown_so_that_it_comes_back(tmp_path: Path, text: str) -> None:
    """Whatever YAML or `${...}` would make of it."""
    path = tmp_path / "site.yaml"
    value = text.replace("$", "$$").replace("'", "''")
    path.write_text(
        "version: 1\nsite: s\ncameras:\n  a:\n    source: picamera2\n"
        f"    controls: {{x: '{value}'}}\n"
    )
    loaded = read_site(path, environment={})

    path.write_text(show(loaded))

    assert load_site(path, environment={}) == loaded.site


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://cam", "rtsp://cam"),
        ("rtsp://cam:554/", "rtsp://cam:554"),
        ("rtsp://u:p@cam/stream", "rtsp://***@cam/***"),
        ("http://cam/snap?user=u&pwd=p", "http://cam/***"),
        ("http://[fe80::1]:80/x", "http://[fe80::1]:80/***"),
        ("cam", "***"),
        ("http://cam:port", "***"),
        ("http://[bad", "***"),
    ],
)
def test_of_an_address_only_the_host_is_shown(url: str, shown: str) -> None:
    """Cameras take passwords in all other parts."""
    assert mask_url(url) == shown


def test_the_chart_has_every_node_and_every_arrow() -> None:
    """Cameras to the broker, the broker to its readers, events to recorders."""
    assert mermaid(load_site(SITES / "farm.yaml")) == (
        "flowchart LR\n"
        '  subgraph h0["hub"]\n'
        '    n0{{"broker"}}\n'
        '    n3["gate<br>rtsp"]\n'
        '    n4["demo<br>file"]\n'
        '    n5["archive<br>recorder"]\n'
        '    n6["yard<br>motion"]\n'
        '    n7["web"]\n'
        "  end\n"
        '  subgraph h1["porch-pi"]\n'
        '    n1["front-door<br>picamera2"]\n'
        '    n2["driveway<br>v4l2"]\n'
        "  end\n"
        "  n1 --> n0\n"
        "  n2 --> n0\n"
        "  n3 --> n0\n"
        "  n4 --> n0\n"
        '  n0 -->|"front-door, driveway, gate"| n5\n'
        '  n0 -->|"front-door, driveway"| n6\n'
        '  n0 -->|"all"| n7\n'
    )
