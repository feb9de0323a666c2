"""`camfan check|show|graph|schema|diff`, as they are called."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from camfan_config import CameraRing, SiteError, load_site, read_site
from camfan_config.document import files
from camfan_config.report.disk import check_disks
from camfan_config.report.schema import schema_text
from camfan_config.report.terminal import problems_text
from camfan_nodes.cli import main

SITES = Path(__file__).parents[2] / "config/sites"
FARM = str(SITES / "farm.yaml")
HEAD = "version: 1\nsite: home\n"


@dataclass(frozen=True, slots=True)
class Done:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


Camfan = Callable[..., Done]


@pytest.fixture(name="camfan")
def camfan_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Camfan:
    """The command, in 100 columns, without a terminal."""
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: str) -> Done:
        code = main([*arguments])
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return call


@pytest.fixture(name="broken")
def broken_site(tmp_path: Path) -> Path:
    """A file with two mistakes."""
    path = tmp_path / "broken.yaml"
    path.write_text("version: 1\nsite: home\ncameras:\n  a: {source: test, fps: fast, fsp: 5}\n")
    return path


def test_check_says_what_a_site_costs(camfan: Camfan) -> None:
    """Hosts with their nodes, traffic, disk, warnings; exit code 0."""
    done = camfan("check", FARM)
    assert (done.code, done.err) == (0, "")
    assert "22 Mbit/s" in done.out
    assert "275 GB (" in done.out
    assert "warning host porch-pi" in done.out
    assert done.out.endswith("willow-farm: 4 cameras, no errors.\n")


@pytest.mark.parametrize("command", ["check", "show", "graph"])
def test_a_broken_file_is_explained(camfan: Camfan, command: str, broken: Path) -> None:
    """All mistakes on stderr, as the library says them; exit code 78."""
    done = camfan(command, str(broken))
    with pytest.raises(SiteError) as caught:
        load_site(broken)
    assert (done.code, done.out) == (78, "")
    assert done.err == f"{caught.value}\n"


def test_colours_say_the_same(broken: Path) -> None:
    """The mistake underlined in the line itself, not a word more or less."""
    with pytest.raises(SiteError) as caught:
        load_site(broken)
    text = problems_text(caught.value)
    assert text.plain == str(caught.value)
    marked = [
        text.plain[span.start : span.end] for span in text.spans if "underline" in str(span.style)
    ]
    assert marked == ["fast", "fsp"]


def test_show_is_yaml_without_secrets(camfan: Camfan) -> None:
    """Of the whole site or of one host, however that is written."""
    assert set(yaml.safe_load(camfan("show", FARM).out)["cameras"]) == {
        "front-door",
        "driveway",
        "gate",
        "demo",
    }
    pi = camfan("show", "--host", "porch-pi.local", FARM)
    assert list(yaml.safe_load(pi.out)["cameras"]) == ["front-door", "driveway"]
    assert "example-only" not in pi.out


def test_show_knows_its_hosts(camfan: Camfan) -> None:
    """An unknown one is answered with those there are."""
    done = camfan("show", "--host", "barn", FARM)
    assert (done.code, done.err) == (
        78,
        "camfan show: no host 'barn'; there is hub, porch-pi\n",
    )


def test_graph_writes_every_host_in_full(camfan: Camfan) -> None:
    """Also below a box that needs less room than its host's name."""
    drawn = camfan("graph", str(SITES / "one-pi.yaml")).out

    assert drawn.count(" localhost ") == 5


def test_graph_draws_every_node(camfan: Camfan) -> None:
    """Cameras on the left, the broker, readers on the right."""
    drawn = camfan("graph", FARM).out
    for word in ("porch-pi", "driveway", "broker", "archive: recorder", "yard: motion", "web"):
        assert word in drawn
    assert camfan("graph", "--mermaid", FARM).out.startswith("flowchart LR\n")


def test_schema_is_printed(camfan: Camfan) -> None:
    """As it is committed."""
    assert camfan("schema").out == schema_text()


def test_diff_answers_as_diff_does(camfan: Camfan, tmp_path: Path, broken: Path) -> None:
    """0 for the same, 1 for different, 78 for an invalid file."""
    new = tmp_path / "site.yaml"
    new.write_text((SITES / "one-pi.yaml").read_text().replace("fps: 10", "fps: 12"))
    old = str(SITES / "one-pi.yaml")

    same, different = camfan("diff", old, old), camfan("diff", old, str(new))

    assert (same.code, same.out) == (0, "no difference\n")
    assert different.code == 1
    assert different.out == (
        "~ cameras.porch.fps: 10 -> 12\nrestart: porch\nNo other node is affected.\n"
    )
    assert camfan("diff", old, str(broken)).code == 78


def test_a_disk_that_is_too_small_is_a_mistake(camfan: Camfan, tmp_path: Path) -> None:
    """When the folder is on this machine; otherwise its disk is unknown."""
    path = tmp_path / "site.yaml"
    path.write_text(
        "version: 1\nsite: home\ncameras: {a: {source: test}}\n"
        "recorders: {r: {path: recordings, keep: {size: 900TB}}}\n"
    )
    check_disks(read_site(path))
    (tmp_path / "recordings").mkdir()
    with pytest.raises(SiteError, match="size and min_free are 900 TB, the disk is") as caught:
        check_disks(read_site(path))
    assert (caught.value.problems[0].line, caught.value.problems[0].column) == (4, 48)
    assert camfan("check", str(path)).code == 78


def test_a_ring_that_its_disk_cannot_hold_is_a_mistake(camfan: Camfan, tmp_path: Path) -> None:
    """One alone is a mistake; several that do not fit together are a warning."""
    path, half = tmp_path / "site.yaml", shutil.disk_usage(tmp_path).total * 2 // 3
    text = "version: 1\nsite: home\ncameras:\n  a: {source: test, ring: {disk: %sB, path: ring}}\n"
    path.write_text(text % (3 * half))
    check_disks(read_site(path))
    (tmp_path / "ring").mkdir()
    with pytest.raises(SiteError, match="the disk is") as caught:
        check_disks(read_site(path))
    assert (caught.value.problems[0].line, caught.value.problems[0].column) == (4, 34)

    path.write_text(text % half + f"  b: {{source: test, ring: {{disk: {half}B, path: ring}}}}\n")
    check_disks(read_site(path))
    assert "rings of a, b" in camfan("check", str(path)).out


def test_one_size_is_a_ring_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        "version: 1\nsite: home\ndefaults: {ring: 32MB}\n"
        "cameras:\n  a: {source: test}\n  b: {source: custom, ring: 128MB}\n"
        "  c: {source: test, ring: {disk: 4GB, path: ring}}\n"
    )
    cameras = read_site(path).site.cameras

    assert cameras["a"].ring == CameraRing(memory=32_000_000)
    assert cameras["b"].ring == CameraRing(memory=128_000_000)
    assert cameras["c"].ring == CameraRing(disk=4_000_000_000, path=str(tmp_path / "ring"))


def test_the_command_is_there(broken: Path) -> None:
    """As `camfan check`, with the exit code that systemd does not restart on."""
    command = [sys.executable, "-m", "camfan_nodes", "check", str(broken)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 78


@pytest.mark.parametrize("command", ["schema", "show", "check", "graph"])
def test_a_closed_pipe_is_not_reported(command: str) -> None:
    """`camfan show site.yaml | true`."""
    call = [sys.executable, "-m", "camfan_nodes", command, *([FARM] if command != "schema" else [])]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as camfan:
        assert camfan.stdout is not None
        assert camfan.stderr is not None
        camfan.stdout.close()

        assert camfan.wait(20) == 1
        assert camfan.stderr.read() == b""


def test_a_pipe_that_nothing_is_written_to_is_an_error(
    camfan: Camfan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also as the secrets beside a site file; nothing waits for ever."""
    monkeypatch.setattr(files, "WAIT_S", 0.1)
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    done = camfan("check", str(pipe))
    assert done.code == 78
    assert "it is a pipe, and nothing is written to it" in done.err

    os.mkfifo(tmp_path / "secrets.yaml")
    site = tmp_path / "site.yaml"
    site.write_text(f"{HEAD}cameras: {{a: {{source: rtsp, url: 'rtsp://u:${{PASS}}@h/'}}}}\n")
    done = camfan("check", str(site))
    assert done.code == 78
    assert "it is a pipe, and nothing is written to it" in done.err


def test_a_pipe_that_a_program_writes_is_read(camfan: Camfan, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    text = f"{HEAD}cameras: {{a: {{source: test}}}}\n" + "# a long comment\n" * 20_000
    writer = threading.Thread(target=pipe.write_text, args=(text,))
    writer.start()

    assert camfan("check", str(pipe)).code == 0
    writer.join()


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("$PASS", "cameras.a.url: $PASS is taken literally; write ${PASS} for its value"),
        ("x$OTHER_1", "cameras.a.url: a '$' is taken literally here"),
        ("$$PASS", None),
        ("${PASS}", None),
        ("$pass", None),
        ("5$", None),
    ],
)
def test_a_variable_without_braces_gets_a_hint(
    camfan: Camfan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, words: str | None
) -> None:
    """A password that only looks like a variable is not shown."""
    monkeypatch.setenv("PASS", "value-of-it")
    monkeypatch.setenv("COLUMNS", "300")
    site = tmp_path / "site.yaml"
    site.write_text(f"{HEAD}cameras: {{a: {{source: rtsp, url: 'rtsp://u:{written}@h/'}}}}\n")

    done = camfan("check", str(site))

    assert done.code == 0
    assert ("literally" in done.out) == (words is not None)
    assert words is None or words in done.out
    assert "OTHER_1" not in done.out
    assert "value-of-it" not in done.out
