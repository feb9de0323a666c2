"""Who listens where: ports that clash, hosts nobody can reach, doors left open."""

from __future__ import annotations

from dataclasses import dataclass

from camfan_config.places import KeyPath, Places
from camfan_config.topology import LOCALHOST, broker_host, host_label, is_loopback, nodes
from camfan_config.types import Site
from camfan_config.units import parse_address

_EVERYWHERE = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 - compared with, not bound


@dataclass(frozen=True, slots=True)
class _Door:
    """A port that somebody listens on."""

    path: KeyPath
    host: str  # the machine
    address: str  # of the machine
    port: int


def check(site: Site, places: Places) -> None:
    """Complains about ports, hosts and safety."""
    if ":" in site.broker.host and site.broker.host.count(":") == 1:
        shown = places.written(("broker", "host"), site.broker.host)
        words = f"{shown!r} holds a port; ports stand in broker.ports"
        places.complain(("broker", "host"), words)
    if site.broker.host in _EVERYWHERE:
        words = f"{site.broker.host} can be listened on but not dialled; name the broker's machine"
        places.complain(("broker", "host"), words)
    _ports(site, places)
    _reachable(site, places)
    _broker_is_safe(site, places)


def _ports(site: Site, places: Places) -> None:
    doors = sorted(_doors(site, places), key=lambda door: _line(door, places))
    for index, door in enumerate(doors):
        for other in doors[:index]:
            if other.host == door.host and other.port == door.port and _overlap(door, other):
                where = ".".join(map(str, other.path))
                line = _line(other, places)
                words = f"port {door.port} is used by {where} already"
                places.complain(door.path, words + (f" (line {line})" if line else ""))
                break


def _line(door: _Door, places: Places) -> int:
    return places.line(door.path)  # 0 for a default: what is written clashes with it


def _doors(site: Site, places: Places) -> list[_Door]:
    hub, ports = broker_host(site), site.broker.ports
    safe = site.security.keys is None and not site.security.insecure
    address = "127.0.0.1" if safe else "*"
    doors = [
        _Door(("broker", "ports", name), hub, address, getattr(ports, name))
        for name in ports.__struct_fields__
    ]
    if site.broker.http is not None:
        doors.append(_Door(("broker", "http"), hub, *parse_address(site.broker.http)))
    if site.web is not None:
        host = hub if site.web.host is None else host_label(site.web.host)
        doors.append(_Door(("web", "listen"), host, *parse_address(site.web.listen)))
    return [door for door in doors if places.sound(door.path)]


def _overlap(one: _Door, other: _Door) -> bool:
    addresses = {one.address, other.address}
    same = len({LOCALHOST if is_loopback(each) else each for each in addresses}) == 1
    return same or bool(addresses & _EVERYWHERE)


def _reachable(site: Site, places: Places) -> None:
    """A broker that is dialled by loopback serves its own machine only."""
    if not is_loopback(site.broker.host) or not places.sound(("broker", "host")):
        return
    sections = {"camera": "cameras", "recorder": "recorders", "motion": "motion"}
    for node in nodes(site):
        if node.host != LOCALHOST:
            section = sections.get(node.kind)
            path: KeyPath = (section, node.name, "host") if section else ("web", "host")
            shown = places.written(path, node.host)
            words = f"{shown!r} cannot reach the broker at {site.broker.host}"
            places.complain(path, f"{words}; set broker.host to the broker's name or address")


def _broker_is_safe(site: Site, places: Places) -> None:
    security = site.security
    if security.keys is None and security.server_key is not None:
        words = "is of no use without security.keys, the folder of the site's public keys"
        places.complain(("security", "server_key"), words, key=True)
    if security.keys is not None or security.insecure or not places.sound(("security",)):
        return
    remedy = (
        "without security.keys: make keys with 'camfan keys new NAME' and name their folder "
        "there, or write 'security: {insecure: true}' where nobody else is on the network"
    )
    if not is_loopback(site.broker.host) and places.sound(("broker", "host")):
        words = f"{places.written(('broker', 'host'), '')!r} is reached over the network"
        places.complain(("broker", "host"), f"{words} {remedy}")
    http = site.broker.http
    if http is not None and not is_loopback(parse_address(http)[0]):
        words = f"{places.written(('broker', 'http'), http)!r} listens to the network"
        places.complain(("broker", "http"), f"{words} {remedy}")
