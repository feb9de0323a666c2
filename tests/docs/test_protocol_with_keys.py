"""Clients of the protocol's page join a site with keys: in Python and in C, with its own lines."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import zmq
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

from camfan import Subscriber, load_site
from camfan_testing.documents import ROOT
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera, wait_until
from camfan_testing.processes import Process, running_broker
from camfan_testing.security import keys_of, make_keys, raw_socket, secure_site
from camfan_testing.sites import TestSite
from camfan_wire.keys import ClientKeys, apply, new_pair, read_public

PAGE = (ROOT / "docs/reference/protocol.md").read_text(encoding="utf-8")
PROGRAMS = {
    (language, name): code
    for language, name, code in re.findall(
        r"^```(python|c) (\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
    )
}
ACCESS = "\n  access:\n    lab: {view: [driveway]}\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[TestSite]:
    written = secure_site(tmp_path, "driveway", "porch", access=ACCESS)
    with running_broker(written.path):
        yield written


def program(language: str, name: str, site: TestSite, key: str = "lab") -> str:
    """A program of the page with the ports and the key of a test."""
    code: str = PROGRAMS[language, name]
    if language == "python":
        lines = PROGRAMS["python", "keys"]
        code = re.sub(r"^(socket\.connect)", lambda m: lines + m[1], code, flags=re.MULTILINE)
        assert lines in code
    for port, real in (("5550", site.ingest), ("5551", site.fanout), ("5552", site.delivery)):
        code = code.replace(f":{port}", f":{real}")
    return code.replace("lab.secret", f"{key}.secret")


def reader(name: str, site: TestSite, key: str = "lab") -> Process:
    code = program("python", name, site, key)
    return Process([sys.executable, "-u", "-c", code], cwd=site.path.parent)


@pytest.mark.parametrize("name", ["fanout", "delivery"])
def test_a_reader_of_the_page_gets_frames_with_a_key(name: str, site: TestSite) -> None:
    with Camera(site.path, "driveway"), reader(name, site) as process:
        wait_until(lambda: len(process.lines) >= 10, 20.0)
        assert "Traceback" not in process.output


def test_a_publisher_of_the_page_is_seen_with_its_key(site: TestSite) -> None:
    (site.path.parent / "picture.jpg").write_bytes(jpeg(640, 480))
    with (
        reader("publisher", site, "driveway") as process,
        Subscriber(site.path, "driveway") as frames,
    ):
        frame = frames.read(20.0)
        assert "Traceback" not in process.output

    assert bytes(frame.jpeg) == jpeg(640, 480)


def test_a_publisher_with_the_key_of_another_camera_is_not(site: TestSite) -> None:
    (site.path.parent / "picture.jpg").write_bytes(jpeg(640, 480))
    with (
        reader("publisher", site, "porch"),
        Subscriber(site.path, "driveway", statuses=True) as frames,
    ):
        wait_until(lambda: _refused(frames) == "not-allowed", 20.0)
        assert frames.newest("driveway") is None


def _refused(frames: Subscriber) -> str | None:  # type: ignore[type-arg]
    broker = frames.statuses.get("broker")
    if broker is None or broker.broker is None:
        return None
    refused = broker.broker.cameras["driveway"].refused
    return "not-allowed" if "not-allowed" in refused else None


@pytest.fixture(scope="session")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> str:
    """That of C, where libzmq can be compiled against and has CURVE."""
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        pytest.skip("there is no C compiler here")
    folder = tmp_path_factory.mktemp("compiler")
    (folder / "try.c").write_text(
        '#include <zmq.h>\nint main(void) { return !zmq_has("curve"); }\n'
    )
    made = subprocess.run(
        [found, "try.c", "-o", "try", "-lzmq"], cwd=folder, capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("libzmq cannot be compiled against here; apt-get install libzmq3-dev")
    if subprocess.run([folder / "try"], check=False).returncode:
        pytest.skip("the libzmq of this machine was built without CURVE")
    return found


def compile_reader(compiler: str, site: TestSite, key: str = "lab") -> Path:
    folder = site.path.parent
    (folder / "reader.c").write_text(program("c", "fanout", site, key), encoding="utf-8")
    command = [compiler, "-Wall", "-Wextra", "-Werror", "reader.c", "-o", "reader", "-lzmq"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "reader"


def test_a_reader_in_c_gets_frames_with_a_key(compiler: str, site: TestSite) -> None:
    binary = compile_reader(compiler, site)
    with (
        Camera(site.path, "driveway") as camera,
        Process([str(binary)], cwd=site.path.parent) as process,
    ):
        wait_until(lambda: len(process.lines) >= 10, 20.0)

    sizes = {len(camera.picture(n)) for n in range(5)}
    for line in process.lines[:10]:
        header, _, size = line.rpartition(" ")
        assert '"camera":"driveway"' in header
        assert int(size) in sizes


def test_a_reader_in_c_without_a_known_key_hears_nothing(compiler: str, site: TestSite) -> None:
    """While one with a key hears all, and goes on doing so."""
    make_keys(site.path.parent / "keys", "stranger")
    (site.path.parent / "keys" / "stranger.pub").unlink()
    stranger = compile_reader(compiler, site, "stranger")
    with (
        Camera(site.path, "driveway"),
        Process([str(stranger)], cwd=site.path.parent) as deaf,
        reader("fanout", site) as known,
    ):
        wait_until(lambda: len(known.lines) >= 30, 20.0)
        assert deaf.popen.poll() is None
        assert deaf.lines == []


def test_the_forms_of_a_key_on_the_page_are_one_key() -> None:
    public, secret = re.findall(r'(?:public|secret)-key = "(.{40})"', PAGE)
    encoded = re.findall(r"^Z85 +(\S{40})$", PAGE, re.MULTILINE)
    digits = re.findall(r"^hexadecimal +([0-9a-f]{64})$", PAGE, re.MULTILINE)

    assert [public] == encoded
    assert [z85.decode(public.encode()).hex()] == digits
    assert zmq.curve_public(secret.encode()) == public.encode()


def test_the_servers_key_is_where_the_page_says(site: TestSite) -> None:
    """In the site file as digits, and beside the others as Z85."""
    pinned = load_site(site.path).security.server_key
    beside = read_public(site.path.parent / "keys" / "broker.pub")

    assert pinned is not None
    assert z85.encode(bytes.fromhex(pinned)) == beside


ROWS = {
    (event, value): again
    for event, value, again in re.findall(
        r"^\| `ZMQ_(EVENT_HANDSHAKE\w+)` \| ([^|]*) \|[^|]*\| (yes|no)", PAGE, re.MULTILINE
    )
}


def heard(endpoint: str, keys: ClientKeys | None) -> tuple[str, int, bool]:
    """How the first handshake of a client fails, and whether ZeroMQ tries again."""
    with zmq.Context() as context:
        socket: zmq.Socket[bytes] = context.socket(zmq.DEALER)
        socket.linger = 0
        if keys is not None:
            apply(socket, keys)
        monitor = socket.get_monitor_socket()
        try:
            socket.connect(endpoint)
            failed: tuple[str, int] | None = None
            while monitor.poll(2000):
                event = recv_monitor_message(monitor)
                kind = str(zmq.Event(event["event"]).name)
                if kind.startswith("HANDSHAKE"):
                    failed = failed or (f"EVENT_{kind}", event["value"])
                if failed and kind == "CONNECT_RETRIED":
                    return *failed, True
            assert failed is not None
            return *failed, False
        finally:
            socket.disable_monitor()
            monitor.close()
            socket.close()


def test_what_silence_means_is_as_the_page_says(site: TestSite) -> None:
    endpoint = site.delivery_endpoint
    known = keys_of(load_site(site.path), "lab")
    unknown = heard(endpoint, ClientKeys(new_pair(), known.server))
    other = heard(endpoint, replace(known, server=new_pair().public))
    plain = heard(endpoint, None)

    assert unknown == ("EVENT_HANDSHAKE_FAILED_AUTH", 400, False)
    assert ROWS["EVENT_HANDSHAKE_FAILED_AUTH", "400"] == "no"
    assert (other[0], other[2]) == ("EVENT_HANDSHAKE_FAILED_NO_DETAIL", True)
    assert ROWS["EVENT_HANDSHAKE_FAILED_NO_DETAIL", "an errno"] == "yes"
    if plain[0] == "EVENT_HANDSHAKE_FAILED_PROTOCOL":  # else the broker was quicker to close
        assert (hex(plain[1])[:6], plain[2]) == ("0x1100", False)
    else:
        assert (plain[0], plain[2]) == ("EVENT_HANDSHAKE_FAILED_NO_DETAIL", True)
    assert ROWS["EVENT_HANDSHAKE_FAILED_PROTOCOL", "0x1100…"] == "no"


def test_too_many_connections_are_rejected_as_the_page_says(tmp_path: Path) -> None:
    written = secure_site(tmp_path, "driveway", access=ACCESS, limits="{connections_per_key: 4}")
    keys = keys_of(load_site(written.path), "lab")
    endpoint = written.delivery_endpoint
    with running_broker(written.path), ExitStack() as stack:
        for _ in range(4):
            peer = stack.enter_context(raw_socket(zmq.DEALER, endpoint, keys))
            peer.send(b"")
            peer.recv()

        assert heard(endpoint, keys) == ("EVENT_HANDSHAKE_FAILED_AUTH", 500, False)
    assert ROWS["EVENT_HANDSHAKE_FAILED_AUTH", "500"] == "no"
