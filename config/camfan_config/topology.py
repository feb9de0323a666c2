"""Who runs where, who sees which camera, and which addresses are bound and dialled.

Pure functions of a site. A host is known by its label: the first part of its name
(`hub.local` is `hub`), an IP address as it is, `localhost` for every name of the own machine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from camfan_config.types import Broker, CameraBase, Cameras, Motion, Recorder, Site, Web

LOCALHOST = "localhost"

Section = Broker | CameraBase | Recorder | Motion | Web
Placed = CameraBase | Recorder | Motion | Web


@dataclass(frozen=True, slots=True)
class Node:
    """One process of the site; a `custom` camera is listed too, though nobody starts it."""

    kind: Literal["broker", "camera", "recorder", "motion", "web"]
    name: str
    host: str
    section: Section


@dataclass(frozen=True, slots=True)
class Endpoints:
    """ZeroMQ addresses of the broker's three sockets."""

    ingest: str
    fanout: str
    delivery: str


def is_loopback(host: str) -> bool:
    """True for the names and addresses by which a machine reaches only itself."""
    if host.lower().rstrip(".") == LOCALHOST:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_label(host: str) -> str:
    """The short name of a host, the same for all ways to write it."""
    if is_loopback(host):
        return LOCALHOST
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.split(".", 1)[0].lower()


def broker_host(site: Site) -> str:
    """The label of the host the broker runs on."""
    return host_label(site.broker.host)


def host_of(site: Site, node: Placed) -> str:
    """The label of the host a node runs on; without one of its own, the broker's."""
    return broker_host(site) if node.host is None else host_label(node.host)


def nodes(site: Site) -> tuple[Node, ...]:
    """The broker first, then all nodes in the order of the file."""
    found = [Node("broker", "broker", broker_host(site), site.broker)]
    found += [Node("camera", n, host_of(site, c), c) for n, c in site.cameras.items()]
    found += [Node("recorder", n, host_of(site, r), r) for n, r in site.recorders.items()]
    found += [Node("motion", n, host_of(site, m), m) for n, m in site.motion.items()]
    if site.web is not None:
        found.append(Node("web", "web", host_of(site, site.web), site.web))
    return tuple(found)


def hosts(site: Site) -> dict[str, tuple[Node, ...]]:
    """Host label to what runs there; the broker's host comes first."""
    found: dict[str, tuple[Node, ...]] = {}
    for node in nodes(site):
        found[node.host] = (*found.get(node.host, ()), node)
    return found


def select(site: Site, patterns: Cameras) -> tuple[str, ...]:
    """The names of the cameras that a list of names and globs, or `*`, means; file order."""
    if patterns == "*":
        return tuple(site.cameras)
    return tuple(name for name in site.cameras if matches(name, patterns))


def matches(name: str, patterns: Iterable[str]) -> bool:
    """True if one of the names and globs means this name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def endpoints(site: Site) -> Endpoints:
    """What everyone dials."""
    host = site.broker.host
    return _endpoints(site, f"[{host}]" if ":" in host else host)


def bind_addresses(site: Site) -> Endpoints:
    """What the broker binds: loopback as long as the site has neither keys nor `insecure`."""
    if site.security.keys is not None or site.security.insecure:
        return _endpoints(site, "*")
    host = site.broker.host
    if not is_loopback(host) or host.lower().rstrip(".") == LOCALHOST:
        host = "127.0.0.1"
    return _endpoints(site, f"[{host}]" if ":" in host else host)


def _endpoints(site: Site, host: str) -> Endpoints:
    ports = site.broker.ports
    return Endpoints(
        f"tcp://{host}:{ports.ingest}",
        f"tcp://{host}:{ports.fanout}",
        f"tcp://{host}:{ports.delivery}",
    )
