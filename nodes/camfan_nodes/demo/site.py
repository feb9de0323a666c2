"""The site of the demonstration: where its file is, and whether its ports are free."""

from __future__ import annotations

import socket
from pathlib import Path

from camfan_config import CamfanError, Site
from camfan_config.text.units import parse_address

WEB_PORTS = (8080, 8099)


class PortTakenError(CamfanError):
    """Another program listens where the broker would."""


def demo_site_file() -> Path:
    """In the source tree the one of `config/sites`, which is linked to from here."""
    return Path(__file__).with_name("demo.yaml").resolve()


def check_ports(site: Site) -> None:
    """Raises PortTakenError for the first port of the site that is not free."""
    ports = site.broker.ports
    wanted = [("127.0.0.1", port) for port in (ports.ingest, ports.fanout, ports.delivery)]
    for address in (site.broker.http, None if site.web is None else site.web.listen):
        if address is not None:
            wanted.append(parse_address(address))  # noqa: PERF401 - reads better than a filter
    for host, number in wanted:
        if not _is_free(host, number):
            raise PortTakenError(
                f"port {number} is used by another program; perhaps a demonstration or a "
                "broker is running already"
            )


def choose_web_port(first: int = WEB_PORTS[0], last: int = WEB_PORTS[1]) -> int:
    """The first free port for the pages: many programs like 8080. Raises PortTakenError."""
    for number in range(first, last + 1):
        if _is_free("127.0.0.1", number):
            return number
    raise PortTakenError(f"the ports {first} to {last} are all used by other programs")


def _is_free(host: str, number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the broker does
        try:
            probe.bind((host, number))
        except OSError:
            return False
    return True
