"""A host's share of the site: which processes it runs, and the command of each."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from camfan_config import (
    BROKER,
    Site,
    SiteNode,
    did_you_mean,
    diff_sites,
    host_label,
    hosts,
    is_started,
    node_kind,
)
from camfan_config.text.units import parse_address
from camfan_nodes.shared.command import ConfigurationError
from camfan_wire.machine import own_label


class UnknownHostError(ConfigurationError):
    """The site file has no nodes for this host."""


@dataclass(frozen=True, slots=True)
class NodeProcess:
    """One process to keep running."""

    name: str
    kind: str
    command: tuple[str, ...]
    again: bool = True  # restart it when it ends; a window that was closed stays closed

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.name


@dataclass(frozen=True, slots=True)
class ShareChange:
    """What is to run from now on, and which of the running nodes have to restart."""

    processes: tuple[NodeProcess, ...]
    restart: frozenset[str] = frozenset()


def choose_host(site: Site, asked: str | None, machine: str | None = None) -> str:
    """The label of the host to run. Raises UnknownHostError.

    `asked` is the host that was given; without it, the only host of the site, or this machine.
    """
    known = hosts(site)
    if asked is not None:
        if host_label(asked) in known:
            return host_label(asked)
        raise UnknownHostError(f"site '{site.site}' has no host '{asked}'; {_hint(asked, known)}")
    if len(known) == 1:
        return next(iter(known))
    found = own_label(known, machine)
    if found is not None:
        return found
    label = host_label(socket.gethostname() if machine is None else machine)
    raise UnknownHostError(
        f"this machine is '{label}', and site '{site.site}' has no nodes for it; "
        f"{_hint(label, known)}; choose one with --host"
    )


def _hint(wrong: str, known: dict[str, tuple[SiteNode, ...]]) -> str:
    return did_you_mean(host_label(wrong), known, otherwise="its hosts are")


def change(old: Site, new: Site, config: Path, host: str, *, verbose: bool = False) -> ShareChange:
    """What runs on this host of the new site, and what of it has to start again."""
    processes = share(new, config, host, verbose=verbose)
    return ShareChange(processes, frozenset(diff_sites(old, new).restart))


def share(site: Site, config: Path, host: str, *, verbose: bool = False) -> tuple[NodeProcess, ...]:
    """What runs on this host, brokers first, then in the order of the file."""
    found = hosts(site).get(host, ())
    options = ("--config", str(config), *(("--verbose",) if verbose else ()))
    return tuple(_process(site, options, node) for node in found if is_started(node.section))


def page_address(site: Site, processes: Sequence[NodeProcess]) -> str | None:
    """Where the web pages are, if this host serves them."""
    if site.web is None or not any(process.kind == "web" for process in processes):
        return None
    host, port = parse_address(site.web.listen)
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not bound
        host = socket.gethostname()
    return f"http{'s' if site.web.tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"


def _process(site: Site, options: tuple[str, ...], node: SiteNode) -> NodeProcess:
    kind = node_kind(node.kind)
    if node.kind == BROKER:
        name = ("--name", node.name) if site.brokers else ()
        arguments: tuple[str, ...] = (*options, *name)
    else:
        arguments = (node.name, *options) if kind.named else options
    command = (sys.executable, "-m", *kind.module, *arguments)
    return NodeProcess(node.name, node.kind, command)
