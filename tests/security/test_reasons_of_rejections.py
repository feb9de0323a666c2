"""A client that the broker rejects gets the reason, keeps trying, and does not fill the log."""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from camfan import EventPublisher, EventSubscriber, Publisher, Subscriber
from camfan_testing.jpegs import jpeg
from camfan_testing.live import LiveBroker, live_broker, reload, serving, wait_until
from camfan_testing.ports import free_ports
from camfan_testing.processes import camfan, running_broker
from camfan_testing.security import keys_of, make_keys, secure_site
from camfan_wire.handshake import Mechanism, read_mechanism
from camfan_wire.keys import SECRET, ClientKeys, new_pair
from camfan_wire.link import Link, LinkUser, connection
from camfan_wire.link import trouble as link_trouble

UNKNOWN = r"not permitted: the key in \S+ is not one of site 'testing'"
OTHER_KEY = r"has another key than 'security\.server_key' in the site file"
REQUIRES = r"not permitted: the broker at \S+ requires a key, and no key was given"
HAS_NONE = r"the broker at \S+ has no keys, and this node requires them"
NO_BROKER = r"what listens at \S+ is not a camfan broker"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[LiveBroker]:
    with serving(secure_site(tmp_path, "one", "two").path) as live:
        yield live


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    make_keys(tmp_path / "elsewhere", "stranger")
    return tmp_path / "elsewhere" / f"stranger{SECRET}"


def trouble_of(client: Any) -> str:
    wait_until(lambda: client.trouble is not None)
    return str(client.trouble)


def test_an_unknown_key_is_named(secure: LiveBroker, stranger: Path) -> None:
    """Whatever it is used for; with its file and the name of the site."""
    site = secure.site
    with (
        Subscriber(site, key=stranger) as frames,
        Subscriber.every(site, key=stranger) as every,
        EventSubscriber(site, key=stranger) as events,
        Publisher(site, "one", key=stranger) as camera,
        EventPublisher(site, key=stranger) as door,
    ):
        for client in (frames, every, events, camera, door):
            assert re.match(UNKNOWN, trouble_of(client))
            assert str(stranger) in trouble_of(client)
        with pytest.raises(TimeoutError, match=UNKNOWN):
            frames.read(0.01)
        with pytest.raises(TimeoutError, match=UNKNOWN):
            events.read(0.01)


def test_a_client_without_trouble_reports_none(secure: LiveBroker) -> None:
    with Subscriber(secure.site) as frames:
        wait_until(lambda: frames.connected)
        with pytest.raises(TimeoutError) as caught:
            frames.read(0.01)

    assert frames.trouble is None
    assert caught.value.args == ()


def test_a_key_that_is_added_later_comes_in(
    secure: LiveBroker,
) -> None:
    """A camera, too: its frames flow as well, on a socket that ZeroMQ does not try again."""
    folder = Path(str(secure.site.security.keys))
    public = (folder / "one.pub").read_bytes()
    (folder / "one.pub").unlink()
    reload(secure)
    with Publisher(secure.site, "one") as camera:
        assert re.match(UNKNOWN, trouble_of(camera))
        wait_until(lambda: not camera.publish(jpeg()))
        (folder / "one.pub").write_bytes(public)
        reload(secure)
        wait_until(lambda: camera.publish(jpeg()), 30.0)

        wait_until(lambda: camera.trouble is None)


def test_a_revoked_key_is_named_while_it_reads(secure: LiveBroker) -> None:
    folder = Path(str(secure.site.security.keys))
    with Subscriber(secure.site, "one", key=folder / "lab.secret") as frames:
        wait_until(lambda: frames.connected)
        (folder / "lab.pub").unlink()
        reload(secure)

        assert re.match(UNKNOWN, trouble_of(frames))


def test_a_broker_with_another_key_than_the_site_file_says(secure: LiveBroker) -> None:
    keys = replace(keys_of(secure.site, "anna"), server=new_pair().public)

    assert re.search(OTHER_KEY, trouble(secure.broker.addresses.delivery, keys))


def test_no_key_where_one_is_required(secure: LiveBroker) -> None:
    endpoint = secure.broker.addresses.delivery

    assert re.match(REQUIRES, trouble(endpoint, None))
    with Subscriber(endpoint.replace("0.0.0.0", "127.0.0.1")) as frames:
        assert re.match(REQUIRES, trouble_of(frames))


def test_a_key_where_the_broker_has_none(tmp_path: Path) -> None:
    with live_broker(tmp_path, "one") as live:
        keys = ClientKeys(new_pair(), new_pair().public)
        assert re.match(HAS_NONE, trouble(live.broker.addresses.delivery, keys))


@pytest.mark.parametrize("says", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_what_is_not_a_broker_at_all(says: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.settimeout(10)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(says)

        thread = threading.Thread(target=serve)
        thread.start()
        found = read_mechanism(endpoint)
        thread.join()

    assert found is Mechanism.OTHER


def test_what_listens_is_read_from_its_greeting(secure: LiveBroker, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with live_broker(tmp_path / "plain", "one") as plain:
        assert read_mechanism(plain.broker.addresses.delivery) is Mechanism.NULL
    assert read_mechanism(secure.broker.addresses.delivery) is Mechanism.CURVE
    assert read_mechanism("tcp://127.0.0.1:1") is Mechanism.UNKNOWN
    assert read_mechanism("ipc:///nowhere") is Mechanism.UNKNOWN


def test_too_many_connections_are_not_an_unknown_key(tmp_path: Path) -> None:
    limits = "{connections_per_key: 4}"
    with (
        serving(secure_site(tmp_path, "one", limits=limits).path) as live,
        ExitStack() as stack,
    ):
        for _ in range(4):
            first = stack.enter_context(Subscriber(live.site))
            wait_until(lambda first=first: first.connected)  # type: ignore[misc]
        fifth = stack.enter_context(Subscriber(live.site))

        assert "has too many connections" in trouble_of(fifth)


def test_it_is_logged_once_and_not_at_each_attempt(
    secure: LiveBroker,
    stranger: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Several attempts, one line; and again after a minute, here of no length."""
    monkeypatch.setattr(connection, "SILENCE_S", 0.1)  # after which a connection is made again
    monkeypatch.setattr(connection, "HEARTBEAT_S", 0.1)
    caplog.set_level(logging.WARNING, "camfan_wire.link")
    refusals = secure.broker.gatekeeper._refusals
    with Subscriber(secure.site, key=stranger) as frames:
        trouble_of(frames)
        before = refusals.total
        wait_until(lambda: refusals.total >= before + 3)
        lines = [record.getMessage() for record in caplog.records]
        assert len([line for line in lines if re.match(UNKNOWN, line)]) == 1

        monkeypatch.setattr(link_trouble, "REPEAT_S", 0.0)
        wait_until(lambda: len([r for r in caplog.records if re.match(UNKNOWN, r.message)]) >= 3)


def trouble(endpoint: str, keys: ClientKeys | None) -> str:
    """The reason that a link gets."""
    link = Link(endpoint, name="test", kind="test", user=LinkUser(), keys=keys)
    try:
        return trouble_of(link)
    finally:
        link.close()


# ---- commands ----


@pytest.mark.parametrize(
    "command",
    [
        ["top", "--once"],
        ["trace", "one", "5"],
        ["reload"],
    ],
    ids=lambda words: words[0],
)
def test_a_command_ends_with_the_reason(tmp_path: Path, stranger: Path, command: list[str]) -> None:
    site = secure_site(tmp_path, "one")
    with (
        running_broker(site.path),
        camfan(*command, "--config", str(site.path), "--key", str(stranger)) as process,
    ):
        assert process.popen.wait(20) == 69

    assert re.search(UNKNOWN, process.output)
    assert "Traceback" not in process.output


def test_top_of_a_key_that_sees_nothing_says_so(tmp_path: Path) -> None:
    site = secure_site(tmp_path, "one")
    key = tmp_path / "keys" / "one.secret"
    with (
        running_broker(site.path),
        camfan("top", "--once", "--config", str(site.path), "--key", str(key)) as top,
    ):
        assert top.popen.wait(20) == 69

    assert "may not see any camera; this is the key of 'one'" in top.output


@pytest.mark.parametrize("command", [["camera", "test"], ["recorder", "archive"], ["web"]])
def test_a_node_logs_why_and_goes_on(tmp_path: Path, stranger: Path, command: list[str]) -> None:
    extra = (
        f"  test: {{source: test}}\nrecorders:\n  archive: {{path: {tmp_path}/recordings}}\n"
        f"web: {{listen: '127.0.0.1:{free_ports(1)[0]}'}}"
    )
    site = secure_site(tmp_path, "one", extra=extra, nodes=("test", "archive", "web"))
    with (
        running_broker(site.path),
        camfan(*command, "--config", str(site.path), "--key", str(stranger)) as node,
    ):
        node.wait_for("is not one of site 'testing'")
        assert node.popen.poll() is None


def test_a_node_of_another_site_file_with_keys(tmp_path: Path) -> None:
    """The site file pins another broker than the one that is there."""
    site = secure_site(tmp_path, "one")
    other = tmp_path / "other"
    other.mkdir()
    theirs = secure_site(other, "one")
    text = theirs.path.read_text()
    for port, real in (
        (theirs.ingest, site.ingest),
        (theirs.fanout, site.fanout),
        (theirs.delivery, site.delivery),
    ):
        text = text.replace(str(port), str(real))
    theirs.path.write_text(text)
    with (
        running_broker(site.path),
        camfan("top", "--once", "--config", str(theirs.path)) as top,
    ):
        assert top.popen.wait(20) == 69

    assert re.search(OTHER_KEY, top.output)
