"""Every check of an incoming frame, through a live broker: one fault, one rejection, and the next
good frame is accepted.

`tests/house/remove_checks.py` removes each check in turn and shows that a test here fails.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest
import zmq

from camfan import Gap, Subscriber
from camfan_broker.camera.camera import TrackedCamera
from camfan_testing.bad_frames import CAMERA, FAULTS, LIMITS, RUN, Fault, good
from camfan_testing.foreign_broker import ForeignBroker
from camfan_testing.live import LiveBroker, reload, serving, wait_until
from camfan_testing.security import Socket, keys_of, raw_socket, secure_site
from camfan_testing.sites import write_site
from camfan_wire import messages
from camfan_wire.errors import WireError
from camfan_wire.header import decode_header

READ_S = 10.0
OTHER_RUN = "b" * 16
THIRD_RUN = "c" * 16
EACH_FAULT = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LiveBroker]:
    """A site without keys, with limits that the faults exceed."""
    sections = "cameras:\n  one: {source: custom}\n  two: {source: custom}"
    written = write_site(tmp_path, f"{sections}\nsecurity: {{limits: {LIMITS}}}")
    with serving(written.path) as live:
        yield live


@pytest.fixture
def ingest(site: LiveBroker) -> Iterator[Socket]:
    """A client that publishes, once the broker listens to all frames of the camera."""
    with publishing(site) as socket:
        yield socket


@contextmanager
def publishing(live: LiveBroker, key: str | None = None) -> Iterator[Socket]:
    keys = None if key is None else keys_of(live.site, key)
    with raw_socket(zmq.XPUB, live.broker.addresses.ingest, keys) as socket:
        while socket.recv() != b"\x01frame/one/3/":
            pass
        yield socket


def camera_of(live: LiveBroker) -> TrackedCamera:
    return live.broker.cameras[CAMERA]


def passed(live: LiveBroker, sequence: int, run: str = RUN) -> None:
    """Wait until a frame was accepted that was sent behind all others."""
    camera = camera_of(live)
    wait_until(lambda: (camera.run, camera.last_sequence) == (run, sequence))


def assert_rejected(live: LiveBroker, received: int, **reasons: int) -> None:
    """This number of frames was accepted, and the others were counted by their reasons."""
    assert {k.replace("-", "_"): n for k, n in camera_of(live).refused.items()} == reasons
    assert camera_of(live).received == received


def replace_dashes(reason: str) -> str:
    return reason.replace("-", "_")


# ---- frames from cameras ----


@EACH_FAULT
def test_ingest_rejects(site: LiveBroker, ingest: Socket, fault: Fault) -> None:
    for parts in (good(0), fault.make(8), good(16)):
        ingest.send_multipart(parts)

    passed(site, 16)
    assert_rejected(site, 2, **{replace_dashes(fault.reason): 1})


@pytest.mark.parametrize(
    "parts", [good(8)[:1], good(8)[:2], [*good(8), b"x"]], ids=["one", "two", "four"]
)
def test_ingest_rejects_a_message_of_other_than_three_parts(
    site: LiveBroker, parts: list[bytes]
) -> None:
    """The connection of one that has too many ends, so the good frame comes by another."""
    with publishing(site) as first:
        first.send_multipart(good(0))
        passed(site, 0)
        first.send_multipart(parts)
        wait_until(lambda: camera_of(site).refused.total() + camera_of(site).received > 1)
    with publishing(site) as second:
        second.send_multipart(good(16))
        passed(site, 16)

    assert_rejected(site, 2, bad_parts=1)


def test_ingest_rejects_a_frame_that_is_not_newer(site: LiveBroker, ingest: Socket) -> None:
    for sequence in (8, 8, 0, 16):
        ingest.send_multipart(good(sequence))

    passed(site, 16)
    assert_rejected(site, 2, old=2)


def test_ingest_rejects_what_is_left_of_a_run_that_has_ended(
    site: LiveBroker, ingest: Socket
) -> None:
    """Frames that it had already, and later ones: another run of the same process came behind."""
    for parts in (
        good(8),
        good(0, OTHER_RUN),
        good(8),
        good(16),
        good(8, OTHER_RUN),
    ):
        ingest.send_multipart(parts)

    passed(site, 8, OTHER_RUN)
    assert_rejected(site, 3, old=1, ended_run=1)


def test_ingest_rejects_a_second_publisher(site: LiveBroker, ingest: Socket) -> None:
    ingest.send_multipart(good(0))
    passed(site, 0)
    with publishing(site) as second:
        second.send_multipart(good(0, OTHER_RUN))
        wait_until(lambda: camera_of(site).refused.total() + camera_of(site).received > 1)
    ingest.send_multipart(good(8))

    passed(site, 8)
    assert_rejected(site, 2, other_publisher=1)


def test_ingest_rejects_frames_of_another_camera_than_that_of_the_key(tmp_path: Path) -> None:
    with (
        serving(secure_site(tmp_path, "one", "two").path) as live,
        publishing(live, "one") as owner,
    ):
        owner.send_multipart(good(0))
        passed(live, 0)
        with publishing(live, "two") as thief:
            thief.send_multipart(good(8))
            wait_until(lambda: camera_of(live).refused.total() + camera_of(live).received > 1)
        owner.send_multipart(good(16))

        passed(live, 16)
        assert_rejected(live, 2, not_allowed=1)


# ---- late frames, on the delivery port ----


class Node:
    """The node of the camera: frames 0 and 16 have come, and it was asked for those between."""

    def __init__(self, live: LiveBroker, socket: Socket, ingest: Socket) -> None:
        self.live, self.socket = live, socket
        self.say(messages.Hello(
            protocol=1, name=CAMERA, kind="camera", session="5" * 16, publishes=CAMERA, run=RUN
        ))  # fmt: skip
        for sequence in (0, 16):
            ingest.send_multipart(good(sequence))
        self.request = self.answer("repair")["id"]

    def say(self, message: messages.ToBroker) -> None:
        self.socket.send(messages.encode(message))

    def answer(self, kind: str) -> dict[str, str]:
        """The next message of this type."""
        while True:
            parts = self.socket.recv_multipart()
            said = msgspec.json.decode(parts[0]) if len(parts) == 1 else {}
            if said.get("type") == kind:
                return dict(said)

    def assert_rejected(self, repaired: int, **reasons: int) -> None:
        """After an answer of its own, so that all before it was dealt with."""
        self.say(messages.Heartbeat())
        self.answer("heartbeat")
        refused = self.live.broker.router.refused
        assert {replace_dashes(k): n for k, n in refused.items()} == reasons
        assert camera_of(self.live).repairs.repaired == repaired


@pytest.fixture
def node(site: LiveBroker, ingest: Socket) -> Iterator[Node]:
    with (
        raw_socket(zmq.DEALER, site.broker.addresses.delivery) as socket,
        Subscriber.every(site.site, CAMERA) as _,
    ):
        wait_until(lambda: bool(site.broker.delivery.accounts.by_name))
        yield Node(site, socket, ingest)


@EACH_FAULT
def test_delivery_rejects_late(node: Node, fault: Fault) -> None:
    node.socket.send_multipart(fault.make(4, late=True))
    node.socket.send_multipart(good(8, late=True))

    node.assert_rejected(1, **{replace_dashes(fault.reason): 1})


def test_delivery_rejects_late_frames_out_of_order(node: Node) -> None:
    for sequence in (8, 8, 4):
        node.socket.send_multipart(good(sequence, late=True))

    node.assert_rejected(1, old=2)


def test_delivery_rejects_late_frames_that_it_did_not_ask_for(node: Node) -> None:
    """Behind what was asked for, and once the answer is over."""
    node.socket.send_multipart(good(16, late=True))
    node.socket.send_multipart(good(15, late=True))
    node.say(messages.Repaired(camera=CAMERA, id=node.request, done=True))
    node.socket.send_multipart(good(17, late=True))

    node.assert_rejected(1, not_asked=2)


def test_delivery_rejects_the_end_of_an_answer_that_it_did_not_ask_for(node: Node) -> None:
    node.say(messages.Repaired(camera=CAMERA, id="another", done=True))
    node.socket.send_multipart(good(8, late=True))

    node.assert_rejected(1, not_asked=1)


def test_delivery_rejects_frames_that_are_not_late(node: Node) -> None:
    node.socket.send_multipart(good(4))
    node.socket.send_multipart(good(8, late=True))

    node.assert_rejected(1, not_asked=1)


def test_delivery_rejects_late_frames_of_another_camera(node: Node) -> None:
    topic, text, picture = good(4, late=True, camera="two")
    node.socket.send_multipart([topic.replace(b"one", b"two"), text, picture])
    node.socket.send_multipart(good(8, late=True))

    node.assert_rejected(1, not_allowed=1)


def test_delivery_rejects_late_frames_of_a_peer_that_publishes_nothing(node: Node) -> None:
    with raw_socket(zmq.DEALER, node.live.broker.addresses.delivery) as viewer:
        viewer.send(messages.encode(
            messages.Hello(protocol=1, name="viewer", kind="test", session="6" * 16)
        ))  # fmt: skip
        viewer.send_multipart(good(4, late=True))
        viewer.send(messages.encode(messages.Heartbeat()))
        while b'"heartbeat"' not in viewer.recv_multipart()[0]:
            pass
    node.socket.send_multipart(good(8, late=True))

    node.assert_rejected(1, not_allowed=1)


def test_delivery_rejects_a_frame_of_four_parts(node: Node) -> None:
    node.socket.send_multipart([*good(4, late=True), b"x"])
    node.socket.send_multipart(good(8, late=True))

    node.assert_rejected(1, bad_parts=1)


# ---- frames of another site ----


@pytest.fixture
def abroad() -> Iterator[ForeignBroker]:
    with ForeignBroker() as broker:
        yield broker


@pytest.fixture
def home(tmp_path: Path, abroad: ForeignBroker) -> Iterator[LiveBroker]:
    """A site that takes the camera from there, with limits that the faults exceed."""
    written = write_site(
        tmp_path,
        f"upstream: {{hut: {{delivery: '{abroad.delivery}'}}}}\n"
        "cameras:\n  one: {source: upstream, from: hut}\n"
        f"security: {{limits: {LIMITS}}}",
    )
    with serving(written.path) as live:
        abroad.wait_for("testing", CAMERA)
        yield live


@EACH_FAULT
def test_frames_of_another_site_are_checked(
    home: LiveBroker, abroad: ForeignBroker, fault: Fault
) -> None:
    abroad.send("testing", good(0), fault.make(8), good(16))

    passed(home, 16)
    assert_rejected(home, 2, **{replace_dashes(fault.reason): 1})


@EACH_FAULT
def test_fetched_frames_of_another_site_are_checked(
    home: LiveBroker, abroad: ForeignBroker, fault: Fault
) -> None:
    """What was missed and cannot be accepted is a gap; the frames behind it are fetched all the
    same, if its header says which frame it is.
    """
    abroad.archive = {1: fault.make(1), 2: good(2), 3: good(3)}
    with Subscriber.every(home.site, CAMERA, events=True) as items:
        wait_until(lambda: bool(home.broker.delivery.accounts.by_name))
        abroad.send("testing", good(0), good(3))
        gaps = []
        while getattr(item := items.read(READ_S), "sequence", 0) != 3:
            gaps += [item] if isinstance(item, Gap) else []

    readable = is_readable(fault.make(1)[1])
    assert_rejected(home, 2, **{replace_dashes(fault.reason): 1})
    assert camera_of(home).repairs.repaired == int(readable)
    assert [(gap.first, gap.last, gap.reason) for gap in gaps] == [
        (1, 1, "refused") if readable else (1, 2, "not-received")
    ]


def is_readable(text: bytes) -> bool:
    with suppress(WireError):
        decode_header(text)
        return True
    return False


def test_frames_of_another_site_are_taken_once_and_in_order(
    home: LiveBroker, abroad: ForeignBroker
) -> None:
    """What is not newer is dropped without a word: after a new subscription it is usual."""
    abroad.send("testing", good(8), good(8), good(0), good(16))

    passed(home, 16)
    assert_rejected(home, 2)


def test_what_is_left_of_a_run_of_another_site_is_rejected(
    home: LiveBroker, abroad: ForeignBroker
) -> None:
    abroad.send("testing", good(8), good(0, OTHER_RUN), good(8), good(16), good(8, OTHER_RUN))

    passed(home, 8, OTHER_RUN)
    assert_rejected(home, 3, old=1, ended_run=1)


def test_limits_for_another_site_follow_the_site_file(
    home: LiveBroker, abroad: ForeignBroker, tmp_path: Path
) -> None:
    """After a reload, frames that were too large are accepted."""
    large = FAULTS["more-pixels-than-the-site-allows"]
    abroad.send("testing", large.make(0), good(8))
    passed(home, 8)
    path = tmp_path / "site.yaml"
    path.write_text(path.read_text("utf-8").replace("pixels: 5000", "pixels: 9000"), "utf-8")
    reload(home)
    assert home.broker.site.security.limits.pixels == 9000
    abroad.send("testing", large.make(16))

    passed(home, 16)
    assert_rejected(home, 2, too_large=1)


def test_a_rejected_frame_of_another_site_is_the_trouble_of_its_camera(
    home: LiveBroker, abroad: ForeignBroker
) -> None:
    abroad.send("testing", FAULTS["more-pixels-than-the-site-allows"].make(0), good(8))
    passed(home, 8)

    trouble = camera_of(home).trouble(time.monotonic_ns())
    assert trouble is not None
    assert "raise `security.limits.pixels`" in trouble
