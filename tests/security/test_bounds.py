"""How much of anything a peer may ask for is bounded, and a stream goes on while it tries."""

from __future__ import annotations

import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import pytest
import zmq

from camfan import Publisher, Site, WireError, load_site
from camfan_config import Limits
from camfan_testing.curve_wire import GREETING, CurveWire
from camfan_testing.jpegs import jpeg
from camfan_testing.live import LiveBroker, serving, wait_until
from camfan_testing.processes import Process, running_broker
from camfan_testing.security import keys_of, raw_socket, secure_site
from camfan_testing.sites import TestSite, custom_cameras, write_site
from camfan_testing.stream import Stream

pytestmark = pytest.mark.long

NULL_GREETING = b"\xff" + b"\0" * 8 + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + b"\0" * 32
SPARE_MB = 60
KINDS = {"ingest": "PUB", "fanout": "SUB", "delivery": "DEALER"}
# What the broker says something to; at ingest it speaks first.
FIRST_WORDS = {"ingest": b"event/", "fanout": b"\x01frame/one/", "delivery": b""}


def resident_mb(process: Process) -> float:
    pages = int(Path(f"/proc/{process.popen.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


@contextmanager
def bounded(folder: Path, limits: str) -> Iterator[LiveBroker]:
    with serving(secure_site(folder, "one", "two", limits=limits).path) as live:
        yield live


@contextmanager
def own_process(site: TestSite) -> Iterator[Process]:
    """A broker in a process of its own, whose memory can be looked at."""
    with running_broker(site.path) as process:
        yield process


def dial(port: int) -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", port))
    wire.settimeout(20)
    return wire


@pytest.mark.timeout(240)  # it takes half a minute to dial so often
def test_ten_thousand_connections(tmp_path: Path) -> None:
    """Strangers are turned away as they come; the site's own people stay, and new ones get in."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    site = secure_site(tmp_path, "one", "two", limits="{connections: 256, handshakes: 64}")
    with running_broker(site.path) as process, Stream(load_site(site.path)), ExitStack() as open_:
        before = resident_mb(process)
        for _ in range(10_000):
            open_.enter_context(dial(site.fanout))
        fds = Path(f"/proc/{process.popen.pid}/fd")
        wait_until(lambda: len(list(fds.iterdir())) < 400, 60)
        loaded = load_site(site.path)
        with Publisher(loaded, "two") as late:
            wait_until(lambda: late.connected, 20)
        assert resident_mb(process) < before + SPARE_MB


def test_slow_handshakes_held_open(tmp_path: Path) -> None:
    """A client with a key connects at once, past hundreds of unfinished handshakes."""
    with bounded(tmp_path, "{handshakes: 16}") as live, Stream(live.site), ExitStack() as open_:
        port = int(live.broker.addresses.delivery.rpartition(":")[2])
        for length in range(300):
            wire = open_.enter_context(dial(port))
            wire.sendall(GREETING[: 1 + length % 64])
        wait_until(lambda: live.broker.gatekeeper.connections.silent <= 17)
        with Publisher(live.site, "two") as late:
            wait_until(lambda: late.connected)
        assert any(reason == "handshakes" for _, reason in live.broker.refusals.counts)


def test_connections_with_one_key(tmp_path: Path) -> None:
    with bounded(tmp_path, "{connections_per_key: 4}") as live, Stream(live.site):
        keys = keys_of(live.site, "anna")
        with ExitStack() as open_:
            for number in range(12):
                viewer = open_.enter_context(
                    raw_socket(zmq.SUB, live.broker.addresses.fanout, keys)
                )
                viewer.subscribe(b"frame/one/%d" % (number % 4))
            wait_until(lambda: live.broker.refusals.counts[("anna", "too-many")] > 0)
            by_user = live.broker.gatekeeper.connections.by_user
            assert max(n for user, n in by_user.items() if user.startswith("anna/")) <= 5
            with Publisher(live.site, "two") as other:
                wait_until(lambda: other.connected)


def test_a_hundred_thousand_subscriptions(tmp_path: Path) -> None:
    """The connection of a client that asks for too many ends, and its memory is freed."""
    site = secure_site(tmp_path, "one", limits="{subscriptions: 500}")
    loaded = load_site(site.path)
    with own_process(site) as process, Stream(loaded):
        before = resident_mb(process)
        keys = keys_of(loaded, "anna")
        with raw_socket(zmq.SUB, f"tcp://127.0.0.1:{site.fanout}", keys) as greedy:
            for number in range(100_000):
                greedy.subscribe(b"frame/one/%d" % number)
            process.wait_for("anna subscribes to too much")
            assert resident_mb(process) < before + SPARE_MB


def test_a_subscription_longer_than_any_topic(secure: LiveBroker) -> None:
    """libzmq itself ends the connection before it takes it."""
    with (
        Stream(secure.site),
        raw_socket(zmq.SUB, secure.broker.addresses.fanout, keys_of(secure.site, "anna")) as viewer,
    ):
        monitor = viewer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        viewer.subscribe(b"x" * 4096)
        assert monitor.poll(10_000)
        assert not len(secure.broker.fanout.subscriptions)
        viewer.disable_monitor()
        monitor.close()


@pytest.mark.parametrize("door", ["ingest", "fanout", "delivery"])
@pytest.mark.parametrize("secured", [True, False], ids=["keys", "no-keys"])
def test_a_gigabyte_announced(tmp_path: Path, door: str, secured: bool) -> None:
    """The connection ends when the length is read; nothing is set aside for what was announced."""
    site = secure_site(tmp_path, "one") if secured else write_site(tmp_path, custom_cameras("one"))
    with own_process(site) as process, Stream(load_site(site.path)):
        before = resident_mb(process)
        with dial(getattr(site, door)) as wire:
            wire.sendall(GREETING if secured else NULL_GREETING + ready(door))
            wire.sendall(b"\x02" + struct.pack(">Q", 10**9) + b"x" * 4096)
            assert ends(wire)
        assert resident_mb(process) < before + SPARE_MB


@pytest.mark.parametrize(
    ("door", "name"), [("ingest", "two"), ("fanout", "anna"), ("delivery", "anna")]
)
def test_a_gigabyte_announced_with_a_key(tmp_path: Path, door: str, name: str) -> None:
    """The same from a client that was admitted, and has sent a message."""
    site = secure_site(tmp_path, "one", "two")
    loaded = load_site(site.path)
    with own_process(site) as process, Stream(loaded):
        before = resident_mb(process)
        with CurveWire(getattr(site, door), keys_of(loaded, name), KINDS[door]) as greedy:
            greedy.send(FIRST_WORDS[door])
            greedy.receive()
            greedy.announce(10**9)
            assert greedy.ended()
        assert resident_mb(process) < before + SPARE_MB


def ready(door: str) -> bytes:
    kind = KINDS[door].encode()
    body = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    return b"\x04" + bytes([len(body)]) + body


def ends(wire: socket.socket) -> bool:
    """The other side closes it; whatever it says before."""
    try:
        while wire.recv(65_536):
            pass
    except ConnectionResetError:
        return True
    return True


def test_requests_a_second(tmp_path: Path) -> None:
    """A client that asks too much too fast is disconnected; others still get answers."""
    with (
        bounded(tmp_path, "{requests: 5}") as live,
        Stream(live.site),
        raw_socket(zmq.DEALER, live.broker.addresses.delivery, keys_of(live.site, "anna")) as loud,
    ):
        for _ in range(5_000):
            loud.send(b'{"type":"heartbeat"}')
        wait_until(lambda: live.broker.refusals.counts[("anna", "too-fast")] > 0)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ("{frame: 1kB}", "too-large"),
        ("{pixels: 3071}", "too-large"),
        ("{header: 256B}", "bad-header"),
    ],
)
def test_what_a_frame_may_be(tmp_path: Path, limits: str, reason: str) -> None:
    """64 by 48 pixels, more than 1000 bytes, a header of more than 256: refused where it comes in,
    before anybody decodes it."""
    with bounded(tmp_path, limits) as live, Publisher(unbounded(live.site), "one") as camera:
        refused = live.broker.cameras["one"].refused
        picture = jpeg(64, 48, 0)
        assert len(picture) > 1000
        wait_until(lambda: camera.publish(picture))
        if reason == "bad-header":
            pad_the_header(live)
        wait_until(lambda: refused[reason] > 0)
        assert live.broker.cameras["one"].received == (1 if reason == "bad-header" else 0)


def unbounded(site: Site) -> Site:
    """As the site file of a camera that says nothing of limits."""
    security = msgspec.structs.replace(site.security, limits=Limits())
    return msgspec.structs.replace(site, security=security)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ("{frame: 1kB}", r"this site takes 1000: raise `security\.limits\.frame`"),
        ("{pixels: 3071}", r"64x48.* this site takes 3071: raise `security\.limits\.pixels`"),
    ],
)
def test_a_camera_says_what_is_too_large(tmp_path: Path, limits: str, words: str) -> None:
    """Its Publisher knows the limits too, and names the key that raises them."""
    with bounded(tmp_path, limits) as live, Publisher(live.site, "one") as camera:
        wait_until(camera.wanted)
        with pytest.raises(WireError, match=words) as refused:
            camera.publish(jpeg(64, 48, 0))

        assert refused.value.reason == "too-large"
        assert camera.counts.refused == 1


def pad_the_header(live: LiveBroker) -> None:
    """A good frame whose header says more than anybody asked."""
    with raw_socket(zmq.XPUB, live.broker.addresses.ingest, keys_of(live.site, "one")) as publisher:
        while publisher.recv() != b"\x01frame/one/0/":
            pass
        publisher.send_multipart(
            [b"frame/one/0/", b'{"x":"%s"}' % (b"y" * 300), b"\xff\xd8\xff\xd9"]
        )


def test_a_message_may_not_be_longer_than_the_site_says(tmp_path: Path) -> None:
    with (
        bounded(tmp_path, "{message: 5kB}") as live,
        raw_socket(zmq.DEALER, live.broker.addresses.delivery, keys_of(live.site, "anna")) as peer,
    ):
        peer.send(b'{"type":"heartbeat","x":"%s"}' % (b"y" * 5000))
        wait_until(lambda: live.broker.router.refused["bad-message"] == 1)


def test_http_headers_and_bodies(tmp_path: Path) -> None:
    """Of health and metrics."""
    site = secure_site(tmp_path, "one", limits="{http_header: 2kB, http_body: 100B}")
    url = f"http://127.0.0.1:{site.http}/healthz"
    with running_broker(site.path):
        assert urlopen(url, timeout=10).status == 200
        with pytest.raises(HTTPError, match="431"):
            urlopen(Request(url, headers={"X-Much": "y" * 3000}), timeout=10)
        with pytest.raises(HTTPError, match="413"):
            urlopen(Request(url, data=b"z" * 101, method="GET"), timeout=10)
        with dial(site.http) as wire:
            wire.sendall(b"GET /" + b"y" * 5000)
            assert ends(wire)
