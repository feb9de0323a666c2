"""The documentation is true: its site files load, its code runs, its commands exist."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from camfan import Event, EventPublisher, Frame, Subscriber
from camfan_config import load_site
from camfan_nodes import cli
from camfan_testing.documents import DOCUMENTS, ROOT, Block, blocks, blocks_of
from camfan_testing.hashes import PASSWORD_HASH, TOKEN_HASH
from camfan_testing.jpegs import jpeg, with_orientation
from camfan_testing.live import Camera, wait_until
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process, running_broker
from camfan_testing.sites import custom_cameras, write_site

PROTOCOL = ROOT / "docs/reference/protocol.md"  # its examples have a test of their own
SECRETS = {
    "GATE_PASSWORD": "for-tests",
    "WEB_PASSWORD_HASH": PASSWORD_HASH,
    "TOKEN_HASH": TOKEN_HASH,
}


BRIDGE = "zmq.REP"  # the program that other programs send to has a test of its own
CAMERAS = ("yard", "porch", "front-door", "driveway")
BASE = "version: 1\nsite: home\ncameras:\n" + "".join(f"  {c}: {{source: test}}\n" for c in CAMERAS)


def whole_site(block: Block) -> str:
    """A fragment continues the last whole site of its document, or a site of two cameras."""
    if "version: 1" in block.text:
        return block.text
    before = [b.text for b in blocks_of(block.file) if b.line < block.line]
    whole = [text for text in before if text.lstrip("# ").find("version: 1") >= 0]
    return (whole[-1] if whole else BASE) + block.text


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_every_site_file_loads(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "site.yaml"
    path.write_text(whole_site(block), encoding="utf-8")

    assert load_site(path).cameras


PROGRAMS = [
    b
    for b in blocks("python")
    if b.file != PROTOCOL and BRIDGE not in b.text and "Recording(" not in b.text
]


@pytest.mark.parametrize("block", PROGRAMS, ids=str)
def test_every_program_runs(block: Block, tmp_path: Path) -> None:
    """Readers print frames and events that are published; publishers are heard by the broker."""
    site = write_site(tmp_path, custom_cameras("porch", "microscope"))
    (tmp_path / "picture.jpg").write_bytes(with_orientation(jpeg(), 6))
    with (
        running_broker(site.path),
        Camera(site.path, "porch"),
        Subscriber(site.path, "microscope", events=True) as heard,
        EventPublisher(site.path, "door") as door,
        Process([sys.executable, "-u", "-c", block.text], cwd=tmp_path) as program,
    ):
        if "EventSubscriber(" in block.text:
            wait_until(lambda: len(program.lines) >= 3 or not door.event("bell", "start"), 20.0)
        elif "EventPublisher(" in block.text:
            assert isinstance(heard.read(20.0), Event)
            assert program.popen.wait(20.0) == 0
        elif "Publisher(" in block.text:
            assert isinstance(heard.read(20.0), Frame)
        else:
            wait_until(lambda: len(program.lines) >= 3, 20.0)
        if "while" in block.text:
            assert program.popen.poll() is None
        assert "Traceback" not in program.output


SENDER = """
import sys, imagezmq, numpy as np, simplejpeg
with imagezmq.ImageSender(connect_to=sys.argv[1]) as sender:
    image = np.full((48, 64, 3), (250, 120, 10), np.uint8)
    while True:
        sender.send_image("porch", image)
        sender.send_image("porch", image[:, :, 0])
        sender.send_jpg("microscope", simplejpeg.encode_jpeg(image, colorspace="BGR"))
"""


def test_the_bridge_of_the_guide_takes_what_imagezmq_sends(tmp_path: Path) -> None:
    """Images, grey images and JPEGs, of real senders, each as the camera of its name."""
    pytest.importorskip("imagezmq", reason="imagezmq is not installed; it is in the dev group")
    (block,) = (b for b in blocks("python") if BRIDGE in b.text)
    assert len(block.text[block.text.index("cameras =") :].splitlines()) <= 10
    (port,) = free_ports(1)
    hub = f"tcp://127.0.0.1:{port}"
    site = write_site(tmp_path, custom_cameras("porch", "microscope"))
    program = block.text.replace("tcp://127.0.0.1:5555", hub)
    with (
        running_broker(site.path),
        Subscriber(site.path) as frames,
        Process([sys.executable, "-u", "-c", program], cwd=tmp_path) as bridge,
        Process([sys.executable, "-u", "-c", SENDER, hub]) as sender,
    ):
        found: set[tuple[str, bool]] = set()
        while len(found) < 3:
            frame = frames.read(20.0)
            pixel = frame.image()[24, 32].astype(int)
            grey = max(pixel) - min(pixel) < 5
            assert grey or abs(pixel - (250, 120, 10)).max() < 10
            found.add((frame.camera, grey))
            assert "Traceback" not in bridge.output + sender.output

    assert found == {("porch", False), ("porch", True), ("microscope", False)}


def commands() -> list[tuple[str, str]]:
    found = []
    for block in [b for language in ("sh", "console") for b in blocks(language)]:
        for line in block.text.splitlines():
            command = line.removeprefix("$ ").partition(" #")[0].strip()
            if command:
                found.append((str(block), command))
    return found


@pytest.mark.parametrize(("place", "command"), commands(), ids=lambda value: value[:60])
def test_every_command_exists(place: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Commands of camfan are parsed by their own parsers; `make` targets stand in the Makefile."""
    words = shlex.split(command.partition(" > ")[0])
    words = [w for w in words if not re.fullmatch(r"[A-Z_]+=.*|sudo|&&", w)]
    if words[0] == "camfan":
        cli.parser_of(words[1:]).parse_args(words[1:])
    elif words[0] == "broker":
        from camfan_broker.cli import parser

        parser().parse_args(words[1:])
    elif words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif any(word.startswith("deploy/") for word in words):
        for word in words:
            assert not word.startswith("deploy/") or (ROOT / word).exists(), place
    else:
        assert words[0] in OTHER_PROGRAMS, f"{place}: is {words[0]} a command that readers have?"


OTHER_PROGRAMS = {
    "git",
    "cd",
    "pip",
    "curl",
    "systemctl",
    "journalctl",
    "ln",
    "mv",
    "install",
    "env",
    "ssh",
    "scp",
    "apt",
    "apt-get",
    "apt-mark",
}


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_leads_somewhere(file: Path) -> None:
    text = re.sub(
        r"^```.*?^```$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (file.parent / target).exists(), f"{file.name} links to {target}"


def test_the_page_of_figures_is_that_of_the_structs() -> None:
    """`python docs/make_figures.py` makes it again."""
    made = runpy.run_path(str(ROOT / "docs/make_figures.py"))

    assert made["PAGE"].read_text("utf-8") == made["page"]()
