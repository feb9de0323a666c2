"""A host's share of the site: which processes it runs, and the command of each."""

from __future__ import annotations

import difflib
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from camfan_config import (
    LOCALHOST,
    CustomCamera,
    Node,
    Site,
    diff_sites,
    host_label,
    hosts,
)
from camfan_config.units import parse_address
from camfan_nodes.command import ConfigurationError

STARTED = ("broker", "camera", "recorder", "motion", "web")


class UnknownHostError(ConfigurationError):
    """The site file gives this host nothing to do."""


@dataclass(frozen=True, slots=True)
class Work:
    """One process to keep running."""

    name: str
    kind: str
    command: tuple[str, ...]
    again: bool = True  # start it again when it ends; a window that is closed stays closed

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.name


@dataclass(frozen=True, slots=True)
class Change:
    """What is to run from now on, and what of it was started with something that has changed."""

    works: tuple[Work, ...]
    restart: frozenset[str] = frozenset()


def choose_host(site: Site, asked: str | None, machine: str | None = None) -> str:
    """The label of the host to run. Raises UnknownHostError.

    `asked` is what the user said; without it, the only host of the site, or this machine.
    """
    known = hosts(site)
    if asked is not None:
        if host_label(asked) in known:
            return host_label(asked)
        raise UnknownHostError(f"site '{site.site}' has no host '{asked}'; {_hint(asked, known)}")
    if len(known) == 1:
        return next(iter(known))
    label = host_label(socket.gethostname() if machine is None else machine)
    if label in known:
        return label
    ours = [host for host in known if _is_address_of_ours(host)]
    if len(ours) == 1:
        return ours[0]
    raise UnknownHostError(
        f"this machine is '{label}', which site '{site.site}' gives nothing to do; "
        f"{_hint(label, known)}; say which with --host"
    )


def _hint(wrong: str, known: dict[str, tuple[Node, ...]]) -> str:
    near = difflib.get_close_matches(host_label(wrong), known, 1)
    return f"did you mean '{near[0]}'?" if near else f"its hosts are {', '.join(known)}"


def _is_address_of_ours(host: str) -> bool:
    """This machine has the address: a socket can be bound to it."""
    if host == LOCALHOST:
        return False
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not _is_address(family, host):
        return False
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def _is_address(family: socket.AddressFamily, host: str) -> bool:
    try:
        socket.inet_pton(family, host)
    except OSError:
        return False
    return True


def change(old: Site, new: Site, config: Path, host: str) -> Change:
    """From what runs on this host of the one site to what runs there of the other."""
    return Change(share(new, config, host), frozenset(diff_sites(old, new).restart))


def share(site: Site, config: Path, host: str) -> tuple[Work, ...]:
    """What runs on this host, the broker first, then in the order of the file."""
    found = hosts(site).get(host, ())
    return tuple(_work(config, node) for node in found if _is_started(node))


def page_address(site: Site, works: Sequence[Work]) -> str | None:
    """Where the web pages are, if this host serves them."""
    if site.web is None or not any(work.kind == "web" for work in works):
        return None
    host, port = parse_address(site.web.listen)
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not bound
        host = socket.gethostname()
    return f"http{'s' if site.web.tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"


def _is_started(node: Node) -> bool:
    return node.kind in STARTED and not isinstance(node.section, CustomCamera)


def _work(config: Path, node: Node) -> Work:
    file = ("--config", str(config))
    program = (sys.executable, "-m")
    if node.kind == "broker":
        return Work(node.name, node.kind, (*program, "camfan_broker", *file))
    name = () if node.kind == "web" else (node.name,)  # there is one at most
    return Work(node.name, node.kind, (*program, "camfan_nodes", node.kind, *name, *file))
