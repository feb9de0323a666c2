"""A site with keys: each client with a key gets what it may see, encrypted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from camfan import Publisher, Subscriber
from camfan_testing.jpegs import jpeg
from camfan_testing.live import LiveBroker, publish_first, serving, wait_until
from camfan_testing.security import keys_of, raw_socket, secure_site

READ_S = 10.0


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[LiveBroker]:
    with serving(secure_site(tmp_path, "one", "two").path) as live:
        yield live


def test_frames_flow_between_clients_with_keys(secure: LiveBroker) -> None:
    picture = jpeg(64, 48, 3)
    with Publisher(secure.site, "one") as camera, Subscriber(secure.site, "one") as frames:
        wait_until(lambda: camera.connected)
        sequence = publish_first(camera, picture)
        frame = frames.read(READ_S)

    assert (frame.sequence, bytes(frame.jpeg)) == (sequence, picture)


def test_a_plain_sub_socket_with_a_key_gets_the_fanout(secure: LiveBroker) -> None:
    with (
        Publisher(secure.site, "one") as camera,
        raw_socket(zmq.SUB, secure.broker.addresses.fanout, keys_of(secure.site, "anna")) as reader,
    ):
        reader.subscribe(b"frame/one/")
        wait_until(lambda: len(secure.broker.fanout.subscriptions) == 1)
        publish_first(camera)
        assert reader.recv_multipart()[0].startswith(b"frame/one/")
