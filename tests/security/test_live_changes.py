"""Keys and rights change while everything runs; other clients notice nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from camfan import Publisher, Subscriber
from camfan_nodes.cli import main
from camfan_testing.jpegs import jpeg
from camfan_testing.live import LiveBroker, publish_first, reload, serving, wait_until
from camfan_testing.processes import broker_process
from camfan_testing.security import Socket, keys_of, make_keys, raw_socket, secure_site
from camfan_testing.stream import Stream
from camfan_wire.keys import ClientKeys, apply

DOORS = {"ingest": zmq.PUB, "fanout": zmq.SUB, "delivery": zmq.DEALER}
ENDS_S = 5.0


@contextmanager
def connected(live: LiveBroker, door: str, keys: ClientKeys, says: bytes) -> Iterator[Socket]:
    """The monitor of a socket that has come in, and has said something or nothing."""
    with zmq.Context() as context:
        peer = context.socket(DOORS[door])
        peer.linger = 0
        peer.reconnect_ivl = -1
        apply(peer, keys)
        monitor = peer.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        try:
            peer.connect(getattr(live.broker.addresses, door))
            assert monitor.poll(10_000)
            event = recv_monitor_message(monitor)["event"]
            assert event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            if says and door == "fanout":
                peer.setsockopt(zmq.SUBSCRIBE, says)
                wait_until(lambda: len(live.broker.fanout.subscriptions) > 0)
            elif says:
                peer.send(says)
                wait_until(lambda: bool(live.broker.gatekeeper.connections.by_user))
            yield monitor
        finally:
            peer.disable_monitor()
            monitor.close()
            peer.close()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("says", [b"", b"frame/one/"], ids=["silent", "heard"])
def test_the_connections_of_a_revoked_key_end(secure: LiveBroker, door: str, says: bytes) -> None:
    """Within 5 s, whether or not anything was ever said on them."""
    keys = keys_of(secure.site, "lab")
    with Stream(secure.site), connected(secure, door, keys, says) as monitor:
        Path(str(secure.site.security.keys), "lab.pub").unlink()
        reload(secure)
        started = time.monotonic()
        assert monitor.poll(int(ENDS_S * 1000)), "it is still connected"
        assert recv_monitor_message(monitor)["event"] == zmq.EVENT_DISCONNECTED
        assert time.monotonic() - started < ENDS_S


def test_other_clients_keep_their_connections(secure: LiveBroker) -> None:
    """Revoking one key, adding another and changing a right affect no other connections."""
    anna = keys_of(secure.site, "anna")
    with (
        Stream(secure.site),
        connected(secure, "fanout", anna, b"frame/one/") as monitor,
    ):
        folder = Path(str(secure.site.security.keys))
        (folder / "lab.pub").unlink()
        make_keys(folder, "stranger")
        reload(secure)
        assert not monitor.poll(1500)


def test_a_new_key_comes_in_without_a_restart(secure: LiveBroker) -> None:
    folder = Path(str(secure.site.security.keys))
    for suffix in ("pub", "secret"):
        (folder / f"lab.{suffix}").unlink()
    reload(secure)
    make_keys(folder, "lab")
    with (
        Publisher(secure.site, "one") as camera,
        Subscriber(secure.site, "one", key=folder / "lab.secret") as frames,
    ):
        publish_first(camera)
        with pytest.raises(TimeoutError):
            frames.read(0.5)
        reload(secure)
        wait_until(lambda: camera.publish(jpeg()))
        assert frames.read(10).camera == "one"


def test_a_rotated_key_replaces_the_old_one(tmp_path: Path) -> None:
    """The old secret opens nothing any more, the new one does, and its name is the same."""
    site = secure_site(tmp_path, "one", "two")
    with serving(site.path) as live:
        old = keys_of(live.site, "lab")
        with connected(live, "delivery", old, b"") as monitor:
            assert main(["keys", "rotate", "lab", "--config", str(site.path)]) == 0
            reload(live)
            assert monitor.poll(int(ENDS_S * 1000))
        with connected(live, "delivery", keys_of(live.site, "lab"), b"{}") as monitor:
            users = live.broker.gatekeeper.connections.by_user
            assert any(user.startswith("lab/") for user in users)


def test_a_right_that_is_taken_away_is_gone_at_once(tmp_path: Path) -> None:
    """A client that may no longer see a camera is disconnected, and gets nothing of it again."""
    site = secure_site(tmp_path, "one", "two")
    with serving(site.path) as live:
        with (
            Stream(live.site),
            raw_socket(zmq.SUB, live.broker.addresses.fanout, keys_of(live.site, "anna")) as viewer,
        ):
            viewer.subscribe(b"frame/")
            assert viewer.recv_multipart()[0].startswith(b"frame/one/")
            site.path.write_text(site.path.read_text().replace('{view: "*"}', "{view: [two]}"))
            reload(live)
            listeners = live.broker.fanout.subscriptions
            wait_until(lambda: viewer.poll(1) >= 0 and bool(listeners.prefixes[b"frame/two/"]))
            while viewer.poll(0):
                viewer.recv_multipart()
            assert not viewer.poll(500)
        assert "rights of anna changed" in changes_of(live, site.path)


def changes_of(live: LiveBroker, path: Path) -> str:
    """What the broker says of giving the right back."""
    path.write_text(path.read_text().replace("{view: [two]}", '{view: "*"}'))
    from camfan_nodes.shared.asking import ask_reload

    return "\n".join(ask_reload(live.site).changed)


def test_a_dead_gatekeeper_admits_no_client_and_is_reported(secure: LiveBroker) -> None:
    """Open connections stay; the loop, /readyz, the status and the metrics say what happened."""
    from camfan_broker.report.health import not_ready, warnings

    with Stream(secure.site):
        zap = secure.broker.gatekeeper._zap
        assert zap is not None
        zap.close()  # under its hands: it dies of it
        wait_until(lambda: not secure.broker.gatekeeper.alive)
        good = keys_of(secure.site, "anna")
        with zmq.Context() as context:
            late = context.socket(zmq.DEALER)
            late.linger = 0
            apply(late, good)
            monitor = late.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
            late.connect(secure.broker.addresses.delivery)
            assert not monitor.poll(2000), "it was admitted without a check of its key"
            late.disable_monitor()
            monitor.close()
            late.close()
        assert any("gatekeeper has stopped" in line for line in not_ready(secure.broker))
        assert any("gatekeeper has stopped" in line for line in warnings(secure.broker))


def test_sighup_takes_a_new_key(tmp_path: Path) -> None:
    site = secure_site(tmp_path, "one")
    with broker_process(site.path) as process:
        process.wait_for("encrypted; 4 keys are admitted")
        process.wait_for("ingest tcp://")
        (tmp_path / "keys/lab.pub").unlink()
        process.send(signal.SIGHUP)
        process.wait_for("key of lab revoked")


def test_a_key_that_cannot_be_read_changes_nothing(secure: LiveBroker) -> None:
    """A reload with a broken key file is refused as a whole, and says which."""
    from camfan_nodes.shared.asking import ask_reload

    broken = Path(str(secure.site.security.keys), "lab.pub")
    broken.write_text("no key")
    answer = ask_reload(secure.site)

    assert answer.changed == []
    assert str(broken) in answer.problems[0]
