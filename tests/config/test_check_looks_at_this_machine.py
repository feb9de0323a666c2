"""`camfan check` says what this machine lacks for its own nodes, and touches nothing."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from pathlib import Path

import pytest

from camfan_config import load_site
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.source import SourceError
from camfan_nodes.camera.sources import source_of
from camfan_nodes.cli import main
from camfan_nodes.recorder.storage import Storage
from camfan_nodes.site.this_machine import machine_warnings
from camfan_testing.processes import broker_process
from camfan_testing.recordings import START_NS, frame
from camfan_testing.sites import custom_cameras, write_site

SMALL = "cameras: {porch: {source: test, size: 320x240, fps: 1}}"  # any disk has room for it


def said(folder: Path, sections: str) -> tuple[str, ...]:
    return machine_warnings(load_site(write_site(folder, sections).path))


@pytest.mark.parametrize(
    "camera",
    [
        "{source: v4l2, device: /dev/video77}",
        "{source: v4l2, device: /dev/null}",
        "{source: file, path: none.avi}",
        "{source: file, path: no/such/none.avi}",
        "{source: file, path: empty.avi}",
        "{source: file, path: .}",
        "{source: images, path: none}",
        "{source: images, path: empty.avi}",
    ],
)
def test_a_camera_is_missed_in_its_own_words(tmp_path: Path, camera: str) -> None:
    """The sentence is that of the camera's node."""
    (tmp_path / "empty.avi").touch()
    site = load_site(write_site(tmp_path, f"cameras: {{porch: {camera}}}").path)
    source = source_of("porch", site.cameras["porch"], NodeClock(threading.Event()))
    with pytest.raises(SourceError) as caught, source.open() as stream:
        stream.capture()

    assert machine_warnings(site) == (f"camera porch: {caught.value}",)


def test_what_is_there_needs_no_word(tmp_path: Path) -> None:
    """A site that can start is checked in silence."""
    assert said(tmp_path, f"{SMALL}\nrecorders: {{r: {{path: rec/new}}}}") == ()
    assert not (tmp_path / "rec").exists()


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sections = f"{SMALL}\nrecorders: {{r: {{path: file/rec, index: file/i}}}}"

    recording, index = said(tmp_path, sections)

    folder = tmp_path / "file"
    assert recording == f"recorder r: cannot record into {folder}/rec: {folder} is not a folder"
    assert index == f"recorder r: cannot keep the index in {folder}/i: {folder} is not a folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    sections = f"{SMALL}\nrecorders: {{r: {{path: locked}}}}"

    (sentence,) = said(tmp_path, sections)

    assert sentence.endswith("it is not writable for this user")


def test_a_disk_that_holds_less_than_keep_says_is_named(tmp_path: Path) -> None:
    """At the estimated rate, and at the measured one once something is recorded."""
    cameras = "cameras: {porch: {source: test}}\n"
    section = "recorders: {r: {path: rec, keep: {age: 36500d, size: 1GB}}}"

    (estimated,) = said(tmp_path, cameras + section)
    with Storage("r", tmp_path / "rec", 3600.0, 5.0, site_ns=lambda: START_NS) as storage:
        for second in (0, 1, 60, 61):
            captured = time.time_ns() - (120 - second) * 1_000_000_000
            storage.append(frame(second, captured=captured))
    (measured,) = said(tmp_path, cameras + section)

    rate = r": at [0-9.]+ (.B) an hour recordings stay for .*, and not for 36500d"
    before, after = re.search(rate, estimated), re.search(rate, measured)
    assert before is not None
    assert after is not None
    assert (before[1], after[1]) == ("GB", "kB")


def test_http_of_a_recorder_is_looked_at(tmp_path: Path) -> None:
    """Its port, and the files of its TLS."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        tls = "{certificate: none.pem, key: none.pem}"
        section = f"recorders: {{r: {{path: ., http: '127.0.0.1:{port}', tls: {tls}}}}}"
        site = write_site(tmp_path, f"{custom_cameras('porch')}\n{section}")
        found = machine_warnings(load_site(site.path))

    assert any(f"port {port} is used by another program" in one for one in found)
    assert any("none.pem" in one for one in found)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """Of the broker and of the pages; while the broker of the site runs its ports are its own."""
    site = write_site(tmp_path, custom_cameras("porch"))
    with socket.create_server(("127.0.0.1", site.fanout)):
        (taken,) = machine_warnings(load_site(site.path))

    with broker_process(site.path) as broker:
        broker.wait_for(f"delivery tcp://127.0.0.1:{site.delivery}")
        running = machine_warnings(load_site(site.path))

    assert taken == f"broker broker: port {site.fanout} is used by another program"
    assert running == ()


def test_other_hosts_are_not_looked_at(tmp_path: Path) -> None:
    """A device of a Pi is not missed on the machine on which the file is written."""
    path = tmp_path / "site.yaml"
    path.write_text(
        "version: 1\nsite: s\nsecurity: {insecure: true}\nbroker: {host: hub.invalid}\n"
        "cameras: {a: {source: v4l2, device: /dev/video77, host: porch-pi}}\n"
        "recorders: {r: {path: /dev/null/rec}}\n"
    )

    assert machine_warnings(load_site(path)) == ()


def test_check_prints_it_as_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is good all the same: exit code 0. What came from elsewhere is not said."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("FOLDER", str(tmp_path / "hunter2"))
    site = write_site(tmp_path, "cameras: {a: {source: file, path: '${FOLDER}/a.avi'}}")

    assert main(["check", str(site.path)]) == 0

    out = capsys.readouterr().out
    assert "warning camera a: ${FOLDER}/a.avi: there is no folder" in out
    assert "hunter2" not in out
