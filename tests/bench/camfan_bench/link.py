"""A thin link on one machine: two network namespaces with a shaped veth pair between them.

Where namespaces cannot be made (they need root), a process that relays bytes at the same rate
stands in, and says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from camfan_bench.rig import Prefix, start
from camfan_testing.ports import free_ports

NEAR, FAR = "10.213.57.1", "10.213.57.2"
QUEUE_MS = 100  # of the shaper: what a home router keeps


@dataclass(frozen=True, slots=True)
class Link:
    """`near` is where the broker runs, `far` where the subscriber does."""

    how: str
    near: Prefix
    far: Prefix
    reach: Callable[[int], tuple[str, int]]  # of a port at the near end: where `far` dials it


@contextmanager
def thin_link(bits_per_s: int) -> Iterator[Link]:
    """A link of this many bits per second from near to far."""
    with ExitStack() as stack:
        if os.geteuid() == 0 and shutil.which("ip") and shutil.which("tc"):
            try:
                yield stack.enter_context(_namespaces(bits_per_s))
                return
            except CannotShapeError:
                pass
        yield stack.enter_context(_relay(bits_per_s))


class CannotShapeError(Exception):
    """This machine has no network namespaces, or no tbf."""


@contextmanager
def _namespaces(bits_per_s: int) -> Iterator[Link]:
    near, far = (f"camfan-bench-{os.getpid()}-{end}" for end in ("near", "far"))
    try:
        _make_namespaces(near, far, bits_per_s)
        yield Link(
            "network namespaces, veth and tbf",
            ("ip", "netns", "exec", near),
            ("ip", "netns", "exec", far),
            lambda port: (NEAR, port),
        )
    finally:
        for name in (near, far):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _make_namespaces(near: str, far: str, bits_per_s: int) -> None:
    """The pair is made inside a namespace, so that its names meet no others."""
    shape = f"tbf rate {bits_per_s}bit burst 32kb latency {QUEUE_MS}ms"
    for line in (
        f"ip netns add {near}",
        f"ip netns add {far}",
        f"ip -n {near} link add camfan type veth peer name camfan netns {far}",
        f"ip -n {near} addr add {NEAR}/24 dev camfan",
        f"ip -n {far} addr add {FAR}/24 dev camfan",
        *(f"ip -n {ns} link set {dev} up" for ns in (near, far) for dev in ("lo", "camfan")),
        f"tc -n {near} qdisc add dev camfan root {shape}",
    ):
        done = subprocess.run(line.split(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotShapeError(f"{line}: {done.stderr.strip()}")


@contextmanager
def _relay(bits_per_s: int) -> Iterator[Link]:
    with ExitStack() as stack:

        def reach(port: int) -> tuple[str, int]:
            (inlet,) = free_ports(1)
            shaper = start("bare", "shape", str(inlet), str(port), str(bits_per_s))
            stack.enter_context(shaper).wait_for("listening")
            return "127.0.0.1", inlet

        yield Link("a relaying process (no root for network namespaces)", (), (), reach)
