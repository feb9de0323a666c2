"""A network that can be cut: three hosts around a router, or, without root, relays.

What is cut drops everything in silence, as a broken radio link does: neither end is informed.
"""

from __future__ import annotations

import os
import selectors
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from camfan_faults.rig import Prefix
from camfan_testing.ports import free_ports

HOSTS = ("hub", "pi", "nas")
PIECE = 65_536


class Net(Protocol):
    """How the hosts `pi` and `nas` reach the broker on the `hub`."""

    how: str
    address: str  # of the broker, as everybody dials it

    def on(self, host: str) -> Prefix:
        """What a command is started through."""

    def reach(self, host: str, ports: dict[str, int]) -> dict[str, int]:
        """The broker's ports, seen from a host."""

    def cut(self, host: str) -> None: ...

    def mend(self, host: str) -> None: ...


class NoNamespacesError(Exception):
    """This machine, or this user, cannot make network namespaces."""


@dataclass(slots=True)
class Namespaces:
    """Hosts in network namespaces; a cut is a route to nowhere in the router between them."""

    how: str = "network namespaces"
    address: str = "10.213.60.2"
    _names: dict[str, str] = field(default_factory=dict)

    def on(self, host: str) -> Prefix:
        return ("ip", "netns", "exec", self._names[host])

    def reach(self, host: str, ports: dict[str, int]) -> dict[str, int]:
        return ports

    def cut(self, host: str) -> None:
        _run(f"ip -n {self._names['router']} route add blackhole {_address(host)}/32")
        _run(f"ip -n {self._names['router']} rule add iif {host} blackhole")

    def mend(self, host: str) -> None:
        _run(f"ip -n {self._names['router']} route del blackhole {_address(host)}/32")
        _run(f"ip -n {self._names['router']} rule del iif {host} blackhole")

    def limit(self, host: str, bits_per_s: int) -> None:
        """What leaves a host goes no faster."""
        shape = f"tbf rate {bits_per_s}bit burst 32kb latency 100ms"
        _run(f"tc -n {self._names[host]} qdisc replace dev wire root {shape}")

    def spoil(self, host: str, loss: str, delay: str) -> None:
        """What leaves a host is lost and late by chance, as on a bad radio link."""
        _run(f"tc -n {self._names[host]} qdisc replace dev wire root netem {delay} {loss}")

    def make(self) -> None:
        names = {name: f"camfan-{os.getpid()}-{name}" for name in ("router", *HOSTS)}
        for name in names:
            _run(f"ip netns add {names[name]}")
            self._names[name] = names[name]
            _run(f"ip -n {names[name]} link set lo up")
        router = names["router"]
        for host in HOSTS:
            _run(f"ip -n {router} link add {host} type veth peer name wire netns {names[host]}")
            _run(f"ip -n {router} addr add {_address(host, 1)}/24 dev {host}")
            _run(f"ip -n {router} link set {host} up")
            _run(f"ip -n {names[host]} addr add {_address(host)}/24 dev wire")
            _run(f"ip -n {names[host]} link set wire up")
            _run(f"ip -n {names[host]} route add default via {_address(host, 1)}")
        _run(f"ip netns exec {router} sysctl -qw net.ipv4.ip_forward=1")

    def close(self) -> None:
        for name in self._names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _address(host: str, end: int = 2) -> str:
    return f"10.213.{60 + HOSTS.index(host)}.{end}"


def _run(line: str) -> None:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        raise NoNamespacesError("network namespaces need root and iproute2")
    done = subprocess.run(line.split(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNamespacesError(f"{line}: {done.stderr.strip()}")


class Relay:
    """Forwards connections to one port until `cut`: then nothing moves, in silence."""

    def __init__(self, port: int) -> None:
        (self.port,) = free_ports(1)
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._other: dict[socket.socket, socket.socket] = {}
        self._cut = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._forward, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        self._cut.set()

    def mend(self) -> None:
        self._cut.clear()

    def close(self) -> None:
        self._ended = True
        self._thread.join()
        for end in (self._listener, *self._other):
            end.close()
        self._selector.close()

    def _forward(self) -> None:
        pause = threading.Event()
        while not self._ended:
            if self._cut.is_set():
                pause.wait(0.02)
                continue
            for key, _ in self._selector.select(0.05):
                end = key.fileobj
                assert isinstance(end, socket.socket)
                if end is self._listener:
                    self._accept()
                elif end in self._other:
                    self._pass_on(end)

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            near.close()
            return
        for end, other in ((near, far), (far, near)):
            self._other[end] = other
            self._selector.register(end, selectors.EVENT_READ)

    def _pass_on(self, end: socket.socket) -> None:
        try:
            data = end.recv(PIECE)
            if data:
                self._other[end].sendall(data)
                return
        except OSError:
            pass
        for gone in (end, self._other[end]):
            self._selector.unregister(gone)
            del self._other[gone]
            gone.close()


@dataclass(slots=True)
class Relays:
    """Every host on this machine, the broker behind a relay for each port and host."""

    how: str = "relays"
    address: str = "127.0.0.1"
    _relays: dict[str, list[Relay]] = field(default_factory=dict)

    def on(self, host: str) -> Prefix:
        return ()

    def reach(self, host: str, ports: dict[str, int]) -> dict[str, int]:
        relays = {name: Relay(port) for name, port in ports.items() if name != "http"}
        self._relays[host] = list(relays.values())
        return {**ports, **{name: relay.port for name, relay in relays.items()}}

    def cut(self, host: str) -> None:
        for relay in self._relays[host]:
            relay.cut()

    def mend(self, host: str) -> None:
        for relay in self._relays[host]:
            relay.mend()

    def close(self) -> None:
        for relays in self._relays.values():
            for relay in relays:
                relay.close()


@contextmanager
def namespaces() -> Iterator[Namespaces]:
    """Raises NoNamespacesError."""
    made = Namespaces()
    try:
        made.make()
        yield made
    finally:
        made.close()


@contextmanager
def relays() -> Iterator[Relays]:
    made = Relays()
    try:
        yield made
    finally:
        made.close()
