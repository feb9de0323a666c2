"""A broker in a thread of the test, on ports that the system chose, and cameras that publish."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec

from camfan import Publisher
from camfan_broker.access.roster import read_server_auth
from camfan_broker.broker import Addresses, BrokerLoop
from camfan_broker.reload import Reloader
from camfan_config import Site, load_site
from camfan_testing.jpegs import jpeg
from camfan_testing.sites import custom_cameras, write_site

ANY_PORT = "tcp://127.0.0.1:*"
WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class LiveBroker:
    """A running broker and the site that leads to it."""

    broker: BrokerLoop
    site: Site


def site_at(site: Site, addresses: Addresses) -> Site:
    """The site with the ports that a broker really has."""
    ports = {
        name: int(getattr(addresses, name).rpartition(":")[2])
        for name in ("ingest", "fanout", "delivery")
    }
    real = msgspec.structs.replace(site.broker.ports, **ports)
    return msgspec.structs.replace(site, broker=msgspec.structs.replace(site.broker, ports=real))


@contextmanager
def live_broker(
    folder: Path,
    *cameras: str,
    memory: str = "64MB",
    extra: str = "",
    titles: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[LiveBroker]:
    """A broker for some cameras that the test publishes itself."""
    section = custom_cameras(*cameras, titles=titles)
    written = write_site(folder, f"{section}\n{extra}", memory=memory)
    with serving(written.path) as live:
        yield live


@contextmanager
def serving(path: Path) -> Iterator[LiveBroker]:
    """A broker of a site file, on loopback."""
    site = load_site(path)
    addresses = Addresses(ANY_PORT, ANY_PORT, ANY_PORT)
    broker = BrokerLoop(site, addresses, Reloader(path), read_server_auth(site))
    thread = threading.Thread(target=broker.run, name="broker")
    thread.start()
    try:
        yield LiveBroker(broker, site_at(site, broker.addresses))
    finally:
        broker.stop()
        thread.join()
        broker.close()


def reload(live: LiveBroker) -> None:
    """As `camfan reload` does, and once it is done."""
    before = live.broker.site
    assert live.broker._reloader is not None
    live.broker._reloader.ask()
    wait_until(lambda: live.broker.site is not before)


def wait_until(condition: Callable[[], bool], timeout: float = WAIT_S) -> None:
    """Poll a condition that nothing announces; fails the test after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        pause.wait(0.005)


def is_subscribed(live: LiveBroker) -> bool:
    """A reader is connected, and the broker has heard what it wants."""
    return any(peer.asked for peer in live.broker.peers.values())


def publish_first(publisher: Publisher, picture: bytes | None = None) -> int:
    """Publish until one frame has left, because the broker listens now; its sequence."""
    found = jpeg(64, 48, 0) if picture is None else picture
    wait_until(lambda: publisher.publish(found))
    return publisher.sequence - 1


class Camera(threading.Thread):
    """Publishes in the background until it is stopped; remembers what it published."""

    def __init__(
        self, site: Site | Path, name: str, fps: float = 30.0, pictures: list[bytes] | None = None
    ) -> None:
        super().__init__(name=f"camera {name}", daemon=True)
        self._site = site if isinstance(site, Site) else load_site(site)
        self._camera = name
        self._pause = 1 / fps
        self._pictures = pictures or [jpeg(64, 48, seed) for seed in range(5)]
        self._ended = threading.Event()
        self.sent: list[int] = []  # sequences that left
        self.run_id = ""
        self.published = 0

    def picture(self, sequence: int) -> bytes:
        return self._pictures[sequence % len(self._pictures)]

    def run(self) -> None:
        with Publisher(self._site, self._camera) as publisher:
            self.run_id = publisher.run
            while not self._ended.wait(self._pause):
                sequence = publisher.sequence
                if publisher.publish(self.picture(sequence)):
                    self.sent.append(sequence)
                self.published = publisher.sequence

    def stop(self) -> None:
        """End before the `with` does."""
        self._ended.set()
        self.join()

    def __enter__(self) -> Camera:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
