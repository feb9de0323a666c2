"""The site files we ship load as they stand."""

from __future__ import annotations

from pathlib import Path

from camfan_config import FileCamera, TestCamera, V4l2Camera, hosts, load_site

SITES = Path(__file__).parents[2] / "config/sites"


def test_the_farm_loads() -> None:
    """With the example secrets beside it; neither its keys nor its video need exist."""
    site = load_site(SITES / "farm.yaml", environment={})
    assert list(site.cameras) == ["front-door", "driveway", "gate", "demo"]


def test_one_pi_is_all_on_one_machine() -> None:
    """The smallest site that does everything."""
    site = load_site(SITES / "one-pi.yaml", environment={})
    assert list(hosts(site)) == ["localhost"]
    assert (list(site.recorders), list(site.motion), site.web is not None) == (
        ["archive"],
        ["watch"],
        True,
    )


def test_the_demo_loads_as_it_stands() -> None:
    """Its scene is then a second test picture."""
    scene = load_site(SITES / "demo.yaml", environment={}).cameras["scene"]
    assert isinstance(scene, TestCamera)


def test_the_demo_plays_a_video() -> None:
    """Again and again."""
    environment = {"DEMO_SOURCE": "file", "DEMO_VIDEO": "/videos/a.mp4", "DEMO_LOOP": "true"}
    scene = load_site(SITES / "demo.yaml", environment=environment).cameras["scene"]
    assert isinstance(scene, FileCamera)
    assert (scene.path, scene.loop) == ("/videos/a.mp4", True)


def test_the_demo_shows_a_webcam() -> None:
    """The video's keys come to nothing."""
    environment = {"DEMO_SOURCE": "v4l2", "DEMO_DEVICE": "/dev/video0"}
    scene = load_site(SITES / "demo.yaml", environment=environment).cameras["scene"]
    assert isinstance(scene, V4l2Camera)
    assert scene.device == "/dev/video0"
