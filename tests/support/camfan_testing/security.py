"""Sites with keys, and sockets of strangers, thieves and liars."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

from camfan_config import Site
from camfan_testing.jpegs import jpeg
from camfan_testing.sites import TestSite, custom_cameras, write_site
from camfan_wire.header import Header, encode_header
from camfan_wire.keys import (
    PUBLIC,
    SECRET,
    ClientKeys,
    Keys,
    apply,
    new_pair,
    read_pair,
    read_public,
    to_hex,
    write_pair,
)

Socket = zmq.Socket[bytes]

VIEWERS = """
  access:
    anna: {view: "*"}
    lab: {view: [one], publish_events: true}
"""


def make_keys(folder: Path, *names: str) -> None:
    for name in names:
        write_pair(folder, name, new_pair())


def secure_site(
    folder: Path,
    *cameras: str,
    extra: str = "",
    limits: str = "{}",
    access: str = VIEWERS,
    nodes: tuple[str, ...] = (),
    memory: str = "64MB",
) -> TestSite:
    """A site with keys for the broker, the owner, its cameras and nodes, `anna` and `lab`."""
    keys = folder / "keys"
    make_keys(keys, "broker", "owner", "anna", "lab", *cameras, *nodes)
    pinned = to_hex(read_public(keys / f"broker{PUBLIC}"))
    security = f"security:\n  keys: keys/\n  server_key: {pinned}\n  limits: {limits}{access}"
    return write_site(folder, f"{custom_cameras(*cameras)}\n{extra}\n{security}", memory=memory)


def keys_of(site: Site, name: str) -> ClientKeys:
    """What `name` would come with."""
    folder = Path(site.security.keys or "")
    return ClientKeys(
        read_pair(folder / f"{name}{SECRET}"), read_public(folder / f"broker{PUBLIC}")
    )


@contextmanager
def raw_socket(kind: int, endpoint: str, keys: Keys | None = None) -> Iterator[Socket]:
    """A plain ZeroMQ socket that has never heard of camfan, connected."""
    with zmq.Context() as context:
        socket = context.socket(kind)
        socket.linger = 0
        socket.rcvtimeo = socket.sndtimeo = 10_000
        if keys is not None:
            apply(socket, keys)
        socket.connect(endpoint)
        try:
            yield socket
        finally:
            socket.close()


def frame(camera: str, sequence: int, run: str = "0123456789abcdef") -> list[bytes]:
    """The parts of a good frame, from any sender."""
    picture = jpeg(64, 48, sequence % 5)
    header = Header(
        version=1,
        camera=camera,
        run=run,
        sequence=sequence,
        captured=time.time_ns(),
        offset=None,
        error=None,
        width=64,
        height=48,
        size=len(picture),
    )
    return [header.topic, encode_header(header), picture]
