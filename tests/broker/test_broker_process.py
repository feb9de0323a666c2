"""The broker as a process: its command line, its exit codes, its health, and rude guests."""

from __future__ import annotations

import http.client
import json
import random
import signal
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import zmq

from camfan import Publisher, Subscriber
from camfan_testing.jpegs import jpeg, with_orientation
from camfan_testing.live import Camera, publish_first, wait_until
from camfan_testing.processes import Process, broker_process, running_broker
from camfan_testing.sites import TestSite, custom_cameras, write_site
from camfan_testing.terminal import Terminal

READ_S = 10.0


@pytest.fixture
def written(tmp_path: Path) -> TestSite:
    return write_site(tmp_path, custom_cameras("one", "two"))


def get(site: TestSite, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{site.http}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


def test_check_validates_and_starts_nothing(written: TestSite) -> None:
    with broker_process(written.path, "--check") as process:
        assert process.wait() == 0
        assert process.output.endswith("valid; 2 cameras")


@pytest.mark.parametrize("module", ["camfan_broker.camera.ring", "ingest tcp:"])
def test_ctrl_c_during_the_start_is_a_clean_end(written: TestSite, module: str) -> None:
    """While its libraries are being loaded, and after."""
    command = [sys.executable, "-X", "importtime", "-m", "camfan_broker", "--config"]
    with Process([*command, str(written.path)]) as process:
        process.wait_for(module)

        assert process.stop(signal.SIGINT) == 0
        assert "Traceback" not in process.output


def test_version(written: TestSite) -> None:
    with broker_process(written.path, "--version") as process:
        assert process.wait() == 0
        assert process.output == "broker 0.1.0"


def test_a_wrong_site_file_is_78_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("version: 1\nsite: a\ncameras:\n  one: {source: custum}\n")

    with broker_process(path) as process:
        assert process.wait() == 78
        assert "site.yaml:4:" in process.output
        assert "did you mean 'custom'?" in process.output
        assert "Traceback" not in process.output


@pytest.mark.parametrize("which", ["ingest", "fanout", "delivery", "http"])
def test_a_port_in_use_is_69_and_named(written: TestSite, which: str) -> None:
    port: int = getattr(written, which)
    with socket.create_server(("127.0.0.1", port)), broker_process(written.path) as process:
        assert process.wait() == 69
        assert f"127.0.0.1:{port}" in process.output
        assert "another program uses this port" in process.output
        assert "Traceback" not in process.output


def test_a_site_with_keys_is_not_served_in_the_clear(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    site = write_site(tmp_path, "security: {keys: keys/}\n" + custom_cameras("one"))

    with broker_process(site.path) as process:
        assert process.wait() == 78
        assert "nothing was started in the clear" in process.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(written: TestSite, number: signal.Signals) -> None:
    with running_broker(written.path) as process:
        assert process.stop(number) == 0
        assert "Traceback" not in process.output


def test_health_says_what_is_missing(written: TestSite) -> None:
    with running_broker(written.path):
        assert get(written, "/healthz") == (200, "ok\n")
        status, body = get(written, "/readyz")
        assert status == 503
        assert json.loads(body)["missing"] == ["camera one is waiting", "camera two is waiting"]
        assert get(written, "/elsewhere")[0] == 404

        with Camera(written.path, "one"), Camera(written.path, "two"):
            wait_until(lambda: get(written, "/readyz")[0] == 200)
            wait_until(lambda: 'received_frames_total{camera="one"}' in get(written, "/metrics")[1])
            metrics = get(written, "/metrics")[1]

    assert 'camfan_camera_state{camera="one",state="live"} 1.0' in metrics
    assert 'camfan_camera_state{camera="one",state="offline"} 0.0' in metrics
    assert 'camfan_camera_lost_frames_total{camera="one"}' in metrics


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/elsewhere"])
def test_head_is_answered_like_get_without_a_body(written: TestSite, path: str) -> None:
    """The same status and type; monitors ask so."""
    with running_broker(written.path):
        found = []
        for method in ("HEAD", "GET"):
            connection = http.client.HTTPConnection(f"127.0.0.1:{written.http}", timeout=10)
            connection.request(method, path)
            answer = connection.getresponse()
            assert int(answer.headers["Content-Length"]) > 0
            assert (answer.read() == b"") == (method == "HEAD")
            found.append((answer.status, answer.headers["Content-Type"]))
            connection.close()

    assert found[0] == found[1]


def test_adding_a_camera_and_reloading_interrupts_no_stream(written: TestSite) -> None:
    """SIGHUP takes a new camera over while a subscriber of all cameras goes on reading."""
    with running_broker(written.path) as process, Camera(written.path, "one") as one:
        with Subscriber.every(written.delivery_endpoint) as frames:
            first = frames.read(READ_S)
            text = written.path.read_text().replace(
                "cameras:\n", "cameras:\n  new: {source: custom}\n"
            )
            written.path.write_text(text)
            process.send(signal.SIGHUP)
            process.wait_for("camera new added")
            with Publisher(written.path, "new") as new:
                publish_first(new)
                seen = [first]
                while seen[-1].camera != "new":
                    seen.append(frames.read(READ_S))
        sequences = [f.sequence for f in seen if f.camera == "one"]
        assert sequences == list(range(first.sequence, first.sequence + len(sequences)))
        assert {f.run for f in seen if f.camera == "one"} == {one.run_id}


def test_a_reload_with_mistakes_changes_nothing(written: TestSite) -> None:
    with running_broker(written.path) as process, Camera(written.path, "one"):
        written.path.write_text(written.path.read_text() + "\nnonsense: 1\n")
        process.send(signal.SIGHUP)
        process.wait_for("unknown key")

        with Subscriber(written.delivery_endpoint, "one") as frames:
            assert frames.read(READ_S).camera == "one"


def test_closing_its_terminal_ends_it(written: TestSite) -> None:
    """The hangup of a terminal window that is closed does not ask for a reload."""
    command = [sys.executable, "-m", "camfan_broker", "--config", str(written.path)]
    with Terminal(command) as terminal:
        wait_until(lambda: "ingest tcp://" in terminal.shown())

        terminal.close()

        assert terminal.popen.wait(READ_S) == 0


def test_garbage_on_every_port_interrupts_no_stream(written: TestSite) -> None:
    """Random bytes, HTTP and broken ZMTP cost their own connection only; frames go on."""
    random.seed(5)
    rude = [
        b"GET / HTTP/1.1\r\n\r\n",
        random.randbytes(70_000),
        b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f" + random.randbytes(500),
        b"\xff" + b"\0" * 8 + b"\x7f\x03\x00NULL" + b"\0" * 48 + b"\x06\xff" + b"\xff" * 8,
        b"",
    ]
    ports = (written.ingest, written.fanout, written.delivery, written.http)
    with (
        running_broker(written.path) as process,
        Camera(written.path, "one"),
        Subscriber.every(written.path, "one") as frames,
    ):
        first = frames.read(READ_S)
        for port in ports:
            for data in rude:
                with socket.create_connection(("127.0.0.1", port)) as guest:
                    guest.sendall(data)
        following = [frames.read(READ_S).sequence for _ in range(30)]

        assert following == list(range(first.sequence + 1, first.sequence + 31))
        assert process.popen.poll() is None
        assert "Traceback" not in process.output


def test_wrong_messages_are_refused_and_counted(written: TestSite) -> None:
    """Frames with false headers and invalid control messages are counted by reason."""
    good, turned = jpeg(), with_orientation(jpeg(), 6)
    header = {
        "version": 1, "camera": "one", "run": "0" * 16, "sequence": 8, "captured": 1,
        "offset": None, "error": None, "width": 64, "height": 48, "size": len(good),
    }  # fmt: skip
    topic = b"frame/one/0/"
    wrong = [
        [topic],
        [topic, json.dumps(header).encode()],
        [topic, b"{}", good],
        [topic, json.dumps({**header, "size": 5}).encode(), good],
        [topic, json.dumps({**header, "width": 65}).encode(), good],
        [b"frame/one/1/", json.dumps(header).encode(), good],
        [topic, json.dumps(header).encode(), good[:-2] + b"xx"],
        [topic, json.dumps({**header, "size": len(turned)}).encode(), turned],
        [topic, json.dumps(header).encode(), good, b"more"],
        [b"event/one/motion/", b"not json"],
        [b"status/broker/", b"{}"],
        [b"frame/\xff\xfe/", b"", b""],
    ]
    context = zmq.Context()
    with running_broker(written.path) as process, Subscriber(written.path, "one") as frames:
        camera = context.socket(zmq.XPUB)
        camera.linger = 0
        camera.connect(f"tcp://127.0.0.1:{written.ingest}")
        camera.rcvtimeo = 10_000
        while camera.recv() != b"\x01frame/one/3/":  # the last of what the broker wants
            pass
        for parts in wrong:
            camera.send_multipart(parts)
        camera.send_multipart([topic, json.dumps(header).encode(), good])
        assert frames.read(READ_S).sequence == 8
        camera.send_multipart([topic, json.dumps(header).encode(), good])  # again: old
        peer = context.socket(zmq.DEALER)
        peer.linger = 0
        peer.connect(written.delivery_endpoint)
        for body in (b"{}", b"[1", b"\xff", b'{"type":"fly"}', b'{"type":"credit","frames":-1}'):
            peer.send(body)
            assert peer.poll(10_000)
            assert json.loads(peer.recv())["type"] == "refused"
        wait_until(lambda: 'reason="old"' in get(written, "/metrics")[1])
        metrics = get(written, "/metrics")[1]
        camera.close()
        peer.close()
        context.term()
        assert process.popen.poll() is None

    for reason in (
        "bad-parts", "bad-header", "bad-size", "bad-topic", "not-jpeg", "not-upright", "old",
    ):  # fmt: skip
        assert f'camera="one",reason="{reason}"' in metrics
    assert 'refused_messages_total{reason="bad-message"} 5.0' in metrics
