"""Addresses: ports that clash, hosts that cannot be reached, listening without protection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from camfan_config.document.places import KeyPath, Places, dotted
from camfan_config.site.topology import (
    LOCALHOST,
    Placed,
    broker_of,
    brokers,
    host_label,
    host_of,
    is_loopback,
    select,
)
from camfan_config.text.units import parse_address
from camfan_config.types import Broker, Motion, Recorder, Site, Web

_EVERYWHERE = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 - compared with, not bound


@dataclass(frozen=True, slots=True)
class _ListeningPort:
    """A port that a node listens on."""

    path: KeyPath
    host: str  # the machine
    address: str  # of the machine
    port: int


def check(site: Site, places: Places) -> None:
    """Complains about ports, hosts and safety."""
    for name, broker in brokers(site).items():
        _dialled(broker, _path(site, name), places)
    _ports(site, places)
    _reachable(site, places)
    for name, broker in brokers(site).items():
        _broker_is_safe(site, broker, _path(site, name), places)


def _path(site: Site, broker: str) -> KeyPath:
    """Where a broker's section stands."""
    return ("brokers", broker) if site.brokers else ("broker",)


def _dialled(broker: Broker, path: KeyPath, places: Places) -> None:
    host = broker.host
    if host.count(":") == 1:
        shown = places.written((*path, "host"), host)
        words = f"{shown!r} contains a port; ports are set in {dotted((*path, 'ports'))}"
        places.complain((*path, "host"), words)
    if host in _EVERYWHERE:
        words = f"{host} can be listened on but not connected to; name the broker's machine"
        places.complain((*path, "host"), words)


def _ports(site: Site, places: Places) -> None:
    ports = sorted(_listening_ports(site, places), key=lambda port: _line(port, places))
    for index, port in enumerate(ports):
        for other in ports[:index]:
            if other.host == port.host and other.port == port.port and _overlap(port, other):
                where = ".".join(map(str, other.path))
                line = _line(other, places)
                words = f"port {port.port} is already used by {where}"
                places.complain(port.path, words + (f" (line {line})" if line else ""))
                break


def _line(port: _ListeningPort, places: Places) -> int:
    return places.line(port.path)  # 0 for a default: what is written clashes with it


def _listening_ports(site: Site, places: Places) -> list[_ListeningPort]:
    ports = []
    for name, broker in brokers(site).items():
        ports += _ports_of_broker(site, broker, _path(site, name))
    if site.web is not None:
        host = host_of(site, site.web)
        ports.append(_ListeningPort(("web", "listen"), host, *parse_address(site.web.listen)))
    for name, recorder in site.recorders.items():
        if recorder.http is not None:
            path: KeyPath = ("recorders", name, "http")
            host = host_of(site, recorder)
            ports.append(_ListeningPort(path, host, *parse_address(recorder.http)))
    return [port for port in ports if places.sound(port.path)]


def _ports_of_broker(site: Site, broker: Broker, path: KeyPath) -> list[_ListeningPort]:
    hub, ports = host_label(broker.host), broker.ports
    safe = site.security.keys is None and not site.security.insecure
    address = "127.0.0.1" if safe else "*"
    found = [
        _ListeningPort((*path, "ports", name), hub, address, getattr(ports, name))
        for name in ports.__struct_fields__
    ]
    if broker.http is not None:
        found.append(_ListeningPort((*path, "http"), hub, *parse_address(broker.http)))
    return found


def _overlap(one: _ListeningPort, other: _ListeningPort) -> bool:
    addresses = {one.address, other.address}
    same = len({LOCALHOST if is_loopback(each) else each for each in addresses}) == 1
    return same or bool(addresses & _EVERYWHERE)


def _reachable(site: Site, places: Places) -> None:
    """A broker that is dialled by loopback serves its own machine only."""
    for path, node, needed in _dialling(site):
        label = host_of(site, node)
        if node.host is not None and node.host.count(":") == 1:
            shown = places.written((*path, "host"), node.host)
            places.complain((*path, "host"), f"{shown!r} holds a port; name the machine alone")
            continue
        for name in needed:
            hub, section = brokers(site)[name], _path(site, name)
            if label == LOCALHOST or not is_loopback(hub.host):
                continue
            if places.sound((*section, "host")):
                shown = places.written((*path, "host"), label)
                words = f"{shown!r} cannot reach the broker at {hub.host}; "
                remedy = f"set {dotted((*section, 'host'))} to the broker's name or address"
                places.complain((*path, "host"), words + remedy)
                break


def _dialling(site: Site) -> Iterator[tuple[KeyPath, Placed, tuple[str, ...]]]:
    """Each node and the brokers that its cameras need."""
    for name, camera in site.cameras.items():
        yield ("cameras", name), camera, (broker_of(site, name),)
    readers: list[tuple[KeyPath, Recorder | Motion | Web]] = []
    readers += [(("recorders", name), one) for name, one in site.recorders.items()]
    readers += [(("motion", name), one) for name, one in site.motion.items()]
    readers += [] if site.web is None else [(("web",), site.web)]
    for path, reader in readers:
        needed = dict.fromkeys(broker_of(site, name) for name in select(site, reader.cameras))
        yield path, reader, tuple(needed)


def _broker_is_safe(site: Site, broker: Broker, path: KeyPath, places: Places) -> None:
    security = site.security
    if security.keys is None and security.server_key is not None:
        words = "has no effect without security.keys, the folder of the site's public keys"
        places.complain(("security", "server_key"), words, key=True)
    if security.keys is not None or security.insecure or not places.sound(("security",)):
        return
    remedy = (
        "without security.keys: make keys with 'camfan keys new NAME' and name their folder "
        "there, or write 'security: {insecure: true}' on a network of your own"
    )
    host, http = (*path, "host"), (*path, "http")
    if not is_loopback(broker.host) and places.sound(host):
        words = f"{places.written(host, '')!r} is reached over the network"
        places.complain(host, f"{words} {remedy}")
    if broker.http is not None and not is_loopback(parse_address(broker.http)[0]):
        words = f"{places.written(http, broker.http)!r} listens to the network"
        places.complain(http, f"{words} {remedy}")
