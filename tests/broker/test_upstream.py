"""A site that takes cameras of another one's broker: two broker processes and a link between."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import zmq

from camfan import Frame, Gap, Subscriber, load_site
from camfan.reading.mailbox import Item
from camfan_config import endpoints
from camfan_testing.live import Camera, wait_until
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process, camfan, running_broker
from camfan_testing.security import make_keys, raw_socket, secure_site
from camfan_testing.wire import Wire
from camfan_wire.figures import BrokerFigures, CameraFigures
from camfan_wire.keys import read_public, to_hex
from camfan_wire.messages import Hello, Status, encode

pytestmark = pytest.mark.long

READ_S = 20.0


def write(folder: Path, name: str, sections: str, ports: list[int] | None = None) -> Path:
    """The file of a site of its own ports."""
    ingest, fanout, delivery, http = ports or free_ports(4)
    path = folder / f"{name}.yaml"
    path.write_text(
        f"version: 1\nsite: {name}\nbroker:\n"
        f"  ports: {{ingest: {ingest}, fanout: {fanout}, delivery: {delivery}}}\n"
        f"  http: 127.0.0.1:{http}\n  memory: 64MB\n{sections}\n",
        encoding="utf-8",
    )
    return path


@dataclass(frozen=True)
class Two:
    """The sites, and the link between them."""

    cabin: Path
    home: Path
    wire: Wire


@pytest.fixture(name="two")
def _two(tmp_path: Path) -> Iterator[Two]:
    cabin = write(
        tmp_path, "cabin", "cameras:\n  porch: {source: custom}\n  gate: {source: custom}"
    )
    with Wire(load_site(cabin).broker.ports.delivery) as wire:
        home = write(
            tmp_path,
            "home",
            f"upstream: {{hut: {{delivery: '{wire.endpoint}'}}}}\n"
            "cameras:\n  cabin-porch: {source: upstream, from: hut, camera: porch}\n"
            "  gate: {source: upstream, from: hut}\n  yard: {source: custom}",
        )
        yield Two(cabin, home, wire)


@contextmanager
def both(two: Two) -> Iterator[tuple[Process, Process]]:
    with running_broker(two.cabin) as cabin, running_broker(two.home) as home:
        yield cabin, home


class Looking:
    """What a broker says of itself, as its status has it."""

    def __init__(self, path: Path) -> None:
        self._frames: Subscriber[Frame] = Subscriber(path, [], statuses=True)

    def status(self, node: str = "broker") -> Status | None:
        return self._frames.statuses.get(node)

    def message(self, node: str) -> str | None:
        status = self.status(node)
        return None if status is None else status.message

    def broker(self) -> BrokerFigures:
        status = self.status()
        return (status and status.broker) or BrokerFigures()

    def camera(self, name: str) -> CameraFigures:
        return self.broker().cameras.get(name, CameraFigures())

    def __enter__(self) -> Looking:
        return self

    def __exit__(self, *_: object) -> None:
        self._frames.close()


def read_to(items: Subscriber[Item], sequence: int) -> list[Frame | Gap]:
    """All frames and gaps up to a frame."""
    seen: list[Frame | Gap] = []
    while True:
        item = items.read(READ_S)
        if isinstance(item, Frame | Gap):
            seen.append(item)
        if isinstance(item, Frame) and item.sequence >= sequence:
            return seen


def assert_whole(seen: list[Frame | Gap], camera: Camera) -> None:
    """Every frame once, in order, bytes as the camera published them."""
    assert not [item for item in seen if isinstance(item, Gap)]
    frames = [item for item in seen if isinstance(item, Frame)]
    assert all(two.sequence == one.sequence + 1 for one, two in pairwise(frames))
    assert all(
        bytes(f.jpeg) == camera.picture(f.sequence) and f.run == camera.run_id for f in frames
    )


def test_a_camera_of_another_site_is_one_of_ours(two: Two) -> None:
    """By its name here, with its bytes and its true age, beside our own, by any way to read."""
    with (
        both(two),
        Camera(two.cabin, "porch") as porch,
        Camera(two.home, "yard"),
        Subscriber(two.home) as frames,
    ):
        seen: dict[str, Frame] = {}
        while seen.keys() < {"cabin-porch", "yard"}:
            frame = frames.read(READ_S)
            if frame.age is not None:
                seen[frame.camera] = frame
        taken = seen["cabin-porch"]
        assert taken.run == porch.run_id
        assert bytes(taken.jpeg) == porch.picture(taken.sequence)
        age = taken.age
        assert age is not None
        assert -age.error <= age.seconds < READ_S
        with zmq.Context() as context, context.socket(zmq.SUB) as listener:
            listener.RCVTIMEO = int(READ_S * 1000)
            listener.connect(endpoints(load_site(two.home)).fanout)
            listener.subscribe("frame/cabin-porch/")
            assert b'"camera":"cabin-porch"' in listener.recv_multipart()[1]


def test_ages_are_right_where_clocks_are_not(two: Two) -> None:
    """A frame's time is moved to the clock of the site that it is read in."""
    with (
        both(two),
        Camera(two.cabin, "porch"),
        Subscriber(two.cabin, "porch") as there,
        Subscriber(two.home, "cabin-porch") as here,
    ):
        near = {f.sequence: f for f in (there.read(READ_S) for _ in range(60)) if f.offset}
        far = {f.sequence: f for f in (here.read(READ_S) for _ in range(60)) if f.offset}
        shared = near.keys() & far.keys()
        assert shared
        for sequence in shared:
            one, other = near[sequence], far[sequence]
            assert one.captured == other.captured
            # Both brokers are on this machine, so their clocks are the same, give or take errors.
            apart = abs((one.site_time or 0) - (other.site_time or 0))
            assert apart <= (one.error or 0) + (other.error or 0) + 50_000_000
            assert (other.error or 0) > (one.error or 0)


def test_each_frame_crosses_once_however_many_watch(two: Two) -> None:
    with (
        both(two),
        Camera(two.cabin, "porch") as porch,
        Subscriber(two.home, "cabin-porch") as one,
        Subscriber(two.home, "cabin-porch") as other,
        Subscriber.every(two.home, "cabin-porch") as all_of_it,
        Looking(two.cabin) as cabin,
    ):
        for frames in (one, other, all_of_it):
            frames.read(READ_S)
        read_to(all_of_it, porch.published + 100)

        def given() -> int:
            return sum(
                one.account.delivered
                for one in cabin.broker().subscribers.values()
                if one.account is not None
            )

        wait_until(lambda: given() > 100)
        # What was given across the link, all connections together, is no more than was taken.
        assert given() <= porch.published


def test_an_unwatched_camera_crosses_as_a_trickle(two: Two) -> None:
    """The camera there is idle; with a subscriber here, frames flow at once."""
    with (
        both(two),
        Camera(two.cabin, "porch", fps=20) as porch,
        Looking(two.cabin) as cabin,
        Looking(two.home) as home,
    ):
        wait_until(lambda: home.camera("cabin-porch").state == "live")
        wait_until(lambda: home.camera("cabin-porch").layers == 0, 40.0)
        wait_until(lambda: cabin.camera("porch").layers == 0, 40.0)
        before, start = two.wire.brought, porch.published
        wait_until(lambda: porch.published >= start + 80)  # four seconds
        pictures = (two.wire.brought - before) / len(porch.picture(0))
        assert pictures < 20
        assert home.camera("cabin-porch").state == "idle"

        with Subscriber(two.home, "cabin-porch") as frames:
            seen = [frames.read(READ_S) for _ in range(20)]
            wait_until(lambda: cabin.camera("porch").layers == 4)
        assert seen[-1].sequence > seen[0].sequence


def test_an_outage_of_the_link_costs_a_reader_of_every_frame_nothing(two: Two) -> None:
    """What was missed comes out of the rings of the other site; viewers have the newest first."""
    with (
        both(two),
        Camera(two.cabin, "porch") as porch,
        Subscriber.every(two.home, "cabin-porch", events=True) as items,
        Subscriber(two.home, "cabin-porch") as viewer,
        Looking(two.home) as home,
    ):
        seen = read_to(items, 0)
        for _ in range(2):
            seen += read_to(items, porch.published + 20)
            two.wire.cut()
            cut_at = porch.published
            wait_until(lambda: home.camera("cabin-porch").state == "stale", 30.0)
            wait_until(lambda at=cut_at: porch.published > at + 100)  # type: ignore[misc]  # of a default
            wait_until(lambda: home.message("cabin-porch") == "the broker of hut does not answer")
            mended_at = porch.published
            two.wire.mend()
            while viewer.read(READ_S).sequence < mended_at:
                pass
        seen += read_to(items, porch.published + 20)

    assert_whole(seen, porch)


@pytest.mark.parametrize("killed", ["cabin", "home"])
def test_a_killed_broker_on_either_side_costs_nothing(two: Two, killed: str) -> None:
    """The camera's ring has what the cabin's broker missed; a reader here resumes."""
    path = two.cabin if killed == "cabin" else two.home
    other = two.home if killed == "cabin" else two.cabin
    with (
        running_broker(other),
        Camera(two.cabin, "porch") as porch,
        Subscriber.every(two.home, "cabin-porch", events=True) as items,
    ):
        with running_broker(path) as broker:
            seen = read_to(items, porch.published + 30)
            broker.stop(signal.SIGKILL)
        at = porch.published
        wait_until(lambda: porch.published > at + 60)
        with running_broker(path):
            seen += read_to(items, porch.published + 30)

    assert_whole(seen, porch)


def test_a_new_run_of_the_camera_is_passed_on(two: Two) -> None:
    with both(two), Subscriber.every(two.home, "cabin-porch", events=True) as items:
        with Camera(two.cabin, "porch") as first:
            seen = read_to(items, 20)
        with Camera(two.cabin, "porch") as second:
            while True:
                item = items.read(READ_S)
                if isinstance(item, Frame | Gap):
                    seen.append(item)
                if isinstance(item, Frame) and item.run == second.run_id and item.sequence > 20:
                    break
    frames = [item for item in seen if isinstance(item, Frame)]
    of_first = [f.sequence for f in frames if f.run == first.run_id]
    of_second = [f.sequence for f in frames if f.run == second.run_id]
    assert of_first == list(range(of_first[0], of_first[-1] + 1))
    assert of_second == list(range(of_second[-1] + 1))


def test_gaps_pass_with_their_reasons(two: Two) -> None:
    """What the other site does not have either is a gap with its reason."""
    text = two.cabin.read_text("utf-8").replace("memory: 64MB", "memory: 1MB")
    ring = "porch: {source: custom, ring: {memory: 1MB}}"
    two.cabin.write_text(text.replace("porch: {source: custom}", ring), "utf-8")
    with (
        both(two),
        Camera(two.cabin, "porch", fps=60, pictures=[_large(n) for n in range(3)]) as porch,
        Subscriber.every(two.home, "cabin-porch", events=True) as items,
        Looking(two.home) as home,
    ):
        read_to(items, porch.published + 5)
        two.wire.cut()
        at = porch.published
        wait_until(lambda: home.camera("cabin-porch").state == "stale", 30.0)
        wait_until(lambda: porch.published > at + 200)
        two.wire.mend()
        seen = read_to(items, porch.published + 20)

    gaps = [item for item in seen if isinstance(item, Gap)]
    assert gaps
    assert {gap.reason for gap in gaps} <= {"ring-overrun"}
    following = None
    for item in seen:
        first = item.sequence if isinstance(item, Frame) else item.first
        last = item.sequence if isinstance(item, Frame) else item.last
        assert following is None or first == following
        assert last is not None
        following = last + 1


def _large(seed: int) -> bytes:
    from camfan_testing.recordings import picture

    return picture(seed, 320, 240)


def test_a_loop_is_refused_by_name(tmp_path: Path) -> None:
    """What comes from a site is never given back to it, by whatever way; the rest flows."""
    ports = {name: free_ports(4) for name in ("one", "two", "three")}

    def of(name: str) -> str:
        return f"tcp://127.0.0.1:{ports[name][2]}"

    paths = [
        write(
            tmp_path,
            "one",
            f"upstream: {{last: {{delivery: '{of('three')}'}}}}\n"
            "cameras:\n  gate: {source: custom}\n"
            "  back: {source: upstream, from: last, camera: c}\n"
            "  mill: {source: upstream, from: last}",
            ports["one"],
        ),
        write(
            tmp_path,
            "two",
            f"upstream: {{first: {{delivery: '{of('one')}'}}}}\n"
            "cameras:\n  b: {source: upstream, from: first, camera: gate}",
            ports["two"],
        ),
        write(
            tmp_path,
            "three",
            f"upstream: {{second: {{delivery: '{of('two')}'}}}}\n"
            "cameras:\n  c: {source: upstream, from: second, camera: b}\n  mill: {source: custom}",
            ports["three"],
        ),
    ]
    with (
        running_broker(paths[0]),
        running_broker(paths[1]),
        running_broker(paths[2]),
        Camera(paths[0], "gate") as gate,
        Camera(paths[2], "mill") as mill,
        Subscriber(paths[2], "c") as through_two,
        Subscriber(paths[0], ["mill"]) as other_way,
        Looking(paths[0]) as one,
    ):
        assert through_two.read(READ_S).run == gate.run_id
        assert other_way.read(READ_S).run == mill.run_id

        def refused() -> str:
            said = one.status("back")
            return "" if said is None else said.message or ""

        wait_until(lambda: "would be a loop" in refused())
        assert refused() == "last: 'c' has come from 'one', 'two': that would be a loop"
        assert one.camera("back").received == 0


def test_two_sites_of_one_name_are_refused(two: Two) -> None:
    two.home.write_text(two.home.read_text("utf-8").replace("site: home", "site: cabin"), "utf-8")
    with both(two), Looking(two.home) as home:

        def said() -> str:
            status = home.status("gate")
            return "" if status is None else status.message or ""

        wait_until(lambda: "two sites need two names" in said())


def test_a_camera_that_is_not_there_costs_the_others_nothing(two: Two) -> None:
    text = two.home.read_text("utf-8").replace("camera: porch", "camera: prch")
    two.home.write_text(text, "utf-8")
    with (
        both(two),
        Camera(two.cabin, "gate"),
        Subscriber(two.home, "gate") as frames,
        Looking(two.home) as home,
    ):
        assert frames.read(READ_S).camera == "gate"
        wait_until(
            lambda: (
                (said := home.status("cabin-porch")) is not None
                and said.message == "hut: no camera 'prch' here; there is gate, porch"
            )
        )


def test_a_camera_of_another_site_cannot_be_published_here(two: Two) -> None:
    """Its node is refused with the reason, and the broker does not subscribe to its frames."""
    here = endpoints(load_site(two.home))
    hello = Hello(protocol=1, name="gate", kind="camera", session="5" * 16, publishes="gate")
    with both(two):
        with raw_socket(zmq.DEALER, here.delivery) as node:
            node.send(encode(hello))
            while b'"refused"' not in (answer := node.recv()):
                pass
            assert b"camera 'gate' comes from another site; it cannot be published" in answer
        with raw_socket(zmq.XPUB, here.ingest) as publisher:
            subscribed = [publisher.recv()]
            while subscribed[-1] != b"\x01frame/yard/3/":
                subscribed.append(publisher.recv())
            assert not any(topic.startswith(b"\x01frame/gate/") for topic in subscribed)


def test_the_loop_never_waits_for_the_link(tmp_path: Path) -> None:
    """A broker there that accepts connections and says nothing delays no camera here."""
    with Wire(free_ports(1)[0]) as silent:
        home = write(
            tmp_path,
            "home",
            f"upstream: {{hut: {{delivery: '{silent.endpoint}'}}}}\n"
            "cameras:\n  far: {source: upstream, from: hut}\n  yard: {source: custom}",
        )
        with (
            running_broker(home) as broker,
            Camera(home, "yard") as yard,
            Subscriber.every(home) as frames,
        ):
            first = frames.read(READ_S).sequence
            got = [frames.read(READ_S).sequence for _ in range(100)]
            assert got == list(range(first + 1, first + 101))
            assert yard.published < got[-1] + 100
            started = time.monotonic()
            assert broker.stop(signal.SIGTERM) == 0
            assert time.monotonic() - started < READ_S
    assert not [thread for thread in threading.enumerate() if thread.name == "wire"]


def test_a_site_with_keys_gives_what_it_grants(tmp_path: Path) -> None:
    """To the key that it knows, those cameras and no others."""
    access = "\n  access: {home: {view: [porch]}}"
    folder = tmp_path / "cabin"
    folder.mkdir()
    cabin = secure_site(folder, "porch", "gate", access=access)
    make_keys(folder / "keys", "home")
    server = to_hex(read_public(folder / "keys" / "broker.pub"))
    home = write(
        tmp_path,
        "home",
        f"upstream:\n  hut: {{delivery: 'tcp://127.0.0.1:{cabin.delivery}', "
        f"key: cabin/keys/home.secret, server_key: {server}}}\n"
        "cameras:\n  porch: {source: upstream, from: hut}\n"
        "  gate: {source: upstream, from: hut}",
    )
    with (
        running_broker(cabin.path),
        running_broker(home),
        Camera(cabin.path, "porch") as porch,
        Camera(cabin.path, "gate"),
        Subscriber(home) as frames,
        Looking(home) as looking,
    ):
        assert all(frames.read(READ_S).run == porch.run_id for _ in range(10))
        wait_until(
            lambda: (
                (said := looking.status("gate")) is not None
                and said.message == "hut: no camera 'gate' here; there is porch"
            )
        )

        (folder / "keys" / "home.pub").unlink()
        with camfan("reload", "--config", str(cabin.path)) as reload:
            assert reload.wait() == 0
        wait_until(
            lambda: (
                (said := looking.status("porch")) is not None
                and re.fullmatch(
                    r"hut: not permitted: the key in \S+home\.secret is unknown to the broker at "
                    r"\S+, or was revoked",
                    str(said.message),
                )
                is not None
            )
        )


def test_cameras_are_taken_and_left_while_it_runs(two: Two) -> None:
    """A reload interrupts no other camera; a camera whose source would change is refused."""
    text = two.home.read_text("utf-8")
    with (
        both(two),
        Camera(two.cabin, "porch") as porch,
        Camera(two.cabin, "gate"),
        Subscriber.every(two.home, "cabin-porch", events=True) as items,
    ):
        seen = read_to(items, porch.published + 5)
        more = "yard: {source: custom}\n  second: {source: upstream, from: hut, camera: gate}"
        without = text.replace("  gate: {source: upstream, from: hut}\n", "")
        two.home.write_text(without.replace("yard: {source: custom}", more), "utf-8")
        with camfan("reload", "--config", str(two.home)) as reload:
            assert reload.wait() == 0
            assert "camera second added" in reload.output
        with Subscriber(two.home, "second") as frames:
            assert frames.read(READ_S).camera == "second"
        seen += read_to(items, porch.published + 10)

        two.home.write_text(text.replace("{source: custom}", "{source: upstream, from: hut}"))
        with camfan("reload", "--config", str(two.home)) as reload:
            assert reload.wait() == 78
            assert (
                "camera yard: its new source takes effect when the broker is restarted"
                in reload.output
            )

    assert_whole(seen, porch)
