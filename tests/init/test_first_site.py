"""`camfan init`, and the same way to give the site file to every command."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from camfan_config import FileCamera, HttpCamera, ImagesCamera, RtspCamera, V4l2Camera, load_site

CAMFAN = [sys.executable, "-m", "camfan_nodes"]
BROKER = [sys.executable, "-m", "camfan_broker"]


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder, away from any terminal."""
    return subprocess.run(
        command,
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "CAMFAN_SITE"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def test_three_flags_make_a_site(tmp_path: Path) -> None:
    """Cameras of every kind, a recorder; `camfan check` has nothing against it."""
    done = run(
        tmp_path, *CAMFAN, "init", "--site", "home", "--record", "rec",
        "--camera", "porch=/dev/video2", "--camera", "gate=rtsp://192.0.2.1/s",
        "--camera", "yard=http://192.0.2.2/mjpg?a=1", "--camera", "film=clips/a.MP4",
        "--camera", "folder=./pictures", "--camera", "lab=test", "--camera", "own=custom",
        "--camera", "module=picamera2",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    site = load_site(tmp_path / "site.yaml")
    kinds = [type(camera) for camera in site.cameras.values()]
    assert kinds[:5] == [V4l2Camera, RtspCamera, HttpCamera, FileCamera, ImagesCamera]
    assert site.recorders["archive"].path == str(tmp_path / "rec")
    assert run(tmp_path, *CAMFAN, "check").returncode == 0


@pytest.mark.parametrize("password", ["s3cret", "it's: #1", "&x", "100%$HOME", "ümlaut"])
def test_a_password_goes_into_the_file_of_secrets(tmp_path: Path, password: str) -> None:
    """Readable by its owner alone, whatever YAML would make of it, and nowhere shown."""
    address = f"rtsp://me:{quote(password, safe='')}@192.0.2.1/s"

    done = run(tmp_path, *CAMFAN, "init", "--camera", f"gate={address}")

    assert done.returncode == 0, done.stderr
    assert password not in (tmp_path / "site.yaml").read_text("utf-8") + done.stdout
    secrets = tmp_path / "secrets.yaml"
    assert secrets.stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load(secrets.read_text("utf-8")) == {"GATE_PASSWORD": password}
    load_site(tmp_path / "site.yaml", environment={})


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    """Unless it is said that it goes."""
    (tmp_path / "site.yaml").write_text("precious")

    refused = run(tmp_path, *CAMFAN, "init", "--site", "home")

    assert (refused.returncode, (tmp_path / "site.yaml").read_text()) == (78, "precious")
    assert "site.yaml exists already; --force overwrites it" in refused.stderr
    assert run(tmp_path, *CAMFAN, "init", "--site", "home", "--force").returncode == 0
    assert load_site(tmp_path / "site.yaml").site == "home"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--camera", "Front Door=test"], "did you mean 'front-door'?"),
        (["--camera", "porch"], "write NAME=SOURCE"),
        (["--camera", "porch=webcam"], "'webcam' is not an address"),
        (["--camera", "porch=ftp://h/1"], "ftp:// is not rtsp://"),
        (["--camera", "porch=rtsp://"], "the address is not like rtsp://host/..."),
        (["--camera", "a=test", "--camera", "a=test"], "camera a: given twice"),
        (["--camera", "web=test"], "the name 'web' is taken"),
        (["--site", "Mein Haus"], "did you mean 'mein-haus'?"),
        (["--config", "no/such/folder.yaml"], "cannot write no/such/folder.yaml"),
    ],
)
def test_what_cannot_be_a_site_writes_nothing(
    tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    done = run(tmp_path, *CAMFAN, "init", *arguments)

    assert done.returncode == 78
    assert complaint in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_it_asks(tmp_path: Path) -> None:
    """A wrong answer is asked again."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, b"my-house\nporch\nporch=test\n\nrec\n")
        done = subprocess.run(
            [*CAMFAN, "init"], cwd=tmp_path, stdin=theirs, capture_output=True, text=True
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert done.returncode == 0, done.stderr
    assert "write NAME=SOURCE" in done.stdout
    site = load_site(tmp_path / "site.yaml")
    assert (site.site, list(site.cameras), list(site.recorders)) == (
        "my-house",
        ["porch"],
        ["archive"],
    )


@pytest.mark.long  # a process for each way
@pytest.mark.parametrize("command", ["check", "show", "graph"])
def test_the_site_file_is_given_the_same_way(tmp_path: Path, command: str) -> None:
    """As --config, alone, in the environment, or as site.yaml of the folder."""
    other = tmp_path / "other"
    other.mkdir()
    assert run(other, *CAMFAN, "init", "yard.yaml", "--site", "yard").returncode == 0
    path = str(other / "yard.yaml")

    alone = run(tmp_path, *CAMFAN, command, path)

    assert alone.returncode == 0, alone.stderr
    assert run(tmp_path, *CAMFAN, command, "--config", path).stdout == alone.stdout
    assert run(tmp_path, *CAMFAN, command, CAMFAN_SITE=path).stdout == alone.stdout
    (other / "yard.yaml").rename(tmp_path / "site.yaml")
    here = run(tmp_path, *CAMFAN, command)
    assert here.stdout.replace(str(tmp_path), str(other)) == alone.stdout
    twice = run(tmp_path, *CAMFAN, command, "a.yaml", "--config", "b.yaml")
    assert (twice.returncode, "two site files: a.yaml and b.yaml" in twice.stderr) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        [*CAMFAN, "check"], [*CAMFAN, "up"], [*CAMFAN, "top"], [*CAMFAN, "web"],
        [*CAMFAN, "reload"], [*CAMFAN, "camera", "a"], [*CAMFAN, "recorder", "a"], BROKER,
    ],
    ids=lambda command: " ".join(command[2:]),
)  # fmt: skip
def test_without_a_site_file_the_way_to_one_is_said(tmp_path: Path, command: list[str]) -> None:
    done = run(tmp_path, *command)

    assert done.returncode == 78
    assert "write a first one with `camfan init`" in done.stderr


def test_diff_compares_with_the_site_file(tmp_path: Path) -> None:
    """Of two files the second may be left out."""
    assert run(tmp_path, *CAMFAN, "init", "--site", "yard").returncode == 0
    assert run(tmp_path, *CAMFAN, "init", "old.yaml", "--site", "yard").returncode == 0

    assert run(tmp_path, *CAMFAN, "diff", "old.yaml").returncode == 0
    assert run(tmp_path, *CAMFAN, "diff", "old.yaml", "site.yaml").returncode == 0
