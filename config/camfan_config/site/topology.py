"""Which node runs where and sees which cameras; which addresses are bound and connected to.

Pure functions of a site. A host is known by its label: the first part of its name
(`hub.local` is `hub`), an IP address as it is, `localhost` for every name of the own machine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from camfan_config.names import BROKER
from camfan_config.site.node_kinds import NODE_KINDS, NodeSection, sections
from camfan_config.text.globs import matches
from camfan_config.types import Broker, CameraBase, Cameras, Motion, Ports, Recorder, Site, Web

LOCALHOST = "localhost"

Placed = CameraBase | Recorder | Motion | Web


@dataclass(frozen=True, slots=True)
class SiteNode:
    """One process of the site; a `custom` camera is listed too, though it is not started."""

    kind: str  # of NODE_KINDS
    name: str
    host: str
    section: NodeSection


@dataclass(frozen=True, slots=True)
class Endpoints:
    """ZeroMQ addresses of a broker's three sockets."""

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


def brokers(site: Site) -> Mapping[str, Broker]:
    """By name; the one of `broker:` is called `broker`."""
    return site.brokers or {BROKER: site.broker}


def first_broker(site: Site) -> str:
    """The name of the first broker; where a site is as one of them sees it, of that one."""
    return next(iter(brokers(site)))


def broker_of(site: Site, camera: str) -> str:
    """The name of the broker that a camera publishes to."""
    return _own(site, site.cameras[camera])


def _own(site: Site, node: Placed) -> str:
    """The broker of a camera; for any other node, the first."""
    known = brokers(site)
    if isinstance(node, CameraBase) and node.broker is not None and node.broker in known:
        return node.broker
    return first_broker(site)


def brokers_for(site: Site, node: str | None) -> tuple[str, ...]:
    """The brokers of a node's cameras; for any other name, all."""
    section = next((one.section for one in nodes(site) if one.name == node), None)
    if not site.brokers or section is None or isinstance(section, Broker):
        return tuple(brokers(site))
    if isinstance(section, CameraBase):
        return (_own(site, section),)
    return tuple(dict.fromkeys(broker_of(site, name) for name in select(site, section.cameras)))


def as_seen_by(site: Site, broker: str) -> Site:
    """The part of the site that this broker works with: its cameras and their readers.

    Raises KeyError for a name that is not a broker of the site.
    """
    section = brokers(site)[broker]
    if not site.brokers:
        return site
    cameras = {n: c for n, c in site.cameras.items() if broker_of(site, n) == broker}
    part = replace(site, broker=section, brokers={broker: section}, cameras=cameras)
    return replace(
        part,
        recorders={n: r for n, r in site.recorders.items() if select(part, r.cameras)},
        motion={n: m for n, m in site.motion.items() if select(part, m.cameras)},
        web=site.web if site.web is not None and select(part, site.web.cameras) else None,
    )


def broker_host(site: Site, broker: str | None = None) -> str:
    """The label of the host a broker runs on; without a name, the first one's."""
    return host_label(_section(site, broker).host)


def host_of(site: Site, node: Placed) -> str:
    """The label of the host a node runs on; without one of its own, its broker's."""
    return broker_host(site, _own(site, node)) if node.host is None else host_label(node.host)


def _host(site: Site, section: NodeSection) -> str:
    return host_label(section.host) if isinstance(section, Broker) else host_of(site, section)


def nodes(site: Site) -> tuple[SiteNode, ...]:
    """The brokers first, then all nodes in the order of the file."""
    return tuple(
        SiteNode(kind.name, name, _host(site, section), section)
        for kind in NODE_KINDS.values()
        for name, section in sections(site, kind).items()
    )


def hosts(site: Site) -> dict[str, tuple[SiteNode, ...]]:
    """Host label to what runs there; the hosts of brokers come first."""
    found: dict[str, tuple[SiteNode, ...]] = {}
    for node in nodes(site):
        found[node.host] = (*found.get(node.host, ()), node)
    return found


def select(site: Site, patterns: Cameras) -> tuple[str, ...]:
    """The names of the cameras that a list of names and globs, or `*`, means; file order."""
    if patterns == "*":
        return tuple(site.cameras)
    return tuple(name for name in site.cameras if matches(name, patterns))


def title_of(site: Site, camera: str) -> str:
    """What people call a camera: its title, or its name if it has none."""
    return site.cameras[camera].title or camera


def endpoints(site: Site, broker: str | None = None) -> Endpoints:
    """The addresses that clients connect to; without a name, those of the first broker."""
    section = _section(site, broker)
    host = section.host
    return _endpoints(section.ports, f"[{host}]" if ":" in host else host)


def bind_addresses(site: Site, broker: str | None = None) -> Endpoints:
    """What a broker binds: loopback as long as the site has neither keys nor `insecure`."""
    section = _section(site, broker)
    if site.security.keys is not None or site.security.insecure:
        return _endpoints(section.ports, "*")
    host = section.host
    if not is_loopback(host) or host.lower().rstrip(".") == LOCALHOST:
        host = "127.0.0.1"
    return _endpoints(section.ports, f"[{host}]" if ":" in host else host)


def _section(site: Site, broker: str | None) -> Broker:
    return brokers(site)[broker or first_broker(site)]


def _endpoints(ports: Ports, host: str) -> Endpoints:
    return Endpoints(
        f"tcp://{host}:{ports.ingest}",
        f"tcp://{host}:{ports.fanout}",
        f"tcp://{host}:{ports.delivery}",
    )
