"""What one machine of a site needs, worked out for `install.sh`.

Prints one `word value` a line and writes, as drop-ins, what systemd must know of the site file.
Installs, enables and starts nothing. Exit code 78: the site file does not fit this machine.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath

from camfan_config import (
    BROKER,
    EXIT_CONFIG,
    Broker,
    CameraBase,
    CamfanError,
    FileCamera,
    ImagesCamera,
    Picamera2Camera,
    Recorder,
    SiteNode,
    Web,
    hosts,
    is_started,
    load_site,
    node_kind,
    unit,
    unit_file,
)
from camfan_config.site.pace import planned_pace
from camfan_config.text.units import parse_address
from camfan_nodes.shared.share import choose_host
from camfan_nodes.site.cli_site import check_file

UNIT_WATCHDOG_S = 30.0  # WatchdogSec of camfan-camera@.service
UNSEEN = ("/home", "/root", "/run/user")  # what ProtectHome= hides
OVERHEAD_BYTES = 512_000_000  # of the broker: the interpreter, and frames on their way out
CREDENTIALS = "/etc/camfan/credentials"
KEYS = "/etc/camfan/keys"
UNITS = Path(__file__).parent / "systemd"
PRIVILEGED_PORTS = 1024  # a port below it needs a capability
CREDENTIAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class PlanError(CamfanError):
    """Something of the site file cannot work as a service of this machine."""


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        if args.check:
            return check_file(args.site)
        site = load_site(args.site)
        host = choose_host(site, args.host)
        here = tuple(node for node in hosts(site)[host] if is_started(node.section))
        lines = [f"host {host}"]
        for node in here:
            lines += _needs(node, args.site.absolute().parent)
        _write_drop_ins(here, args.site.absolute().parent, args.credentials, args.into)
        if site.security.keys is not None:
            _write_keys(here, args.into)
    except CamfanError as exc:
        sys.stderr.write(f"{exc}\n")
        return EXIT_CONFIG
    sys.stdout.write("".join(f"{line}\n" for line in dict.fromkeys(lines)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="plan.py", description=__doc__)
    parser.add_argument("site", type=Path, metavar="SITE.YAML")
    parser.add_argument("--check", action="store_true", help="check the file; plan nothing")
    parser.add_argument("--host", help="without it: this machine")
    parser.add_argument("--credentials", type=Path, help="folder of the secrets")
    parser.add_argument("--into", type=Path, help="folder for the drop-ins")
    return parser


def _needs(node: SiteNode, folder: Path) -> Iterator[str]:
    kind, section = node_kind(node.kind), node.section
    template = unit_file(kind, node.name)
    if not (UNITS / template).is_file():
        raise PlanError(f"{node.kind} {node.name}: there is no unit file {UNITS / template}")
    yield f"unit {unit(kind, node.name)}"
    extra = kind.needs_extra(section)
    if extra:
        yield f"extra {extra}"
    if isinstance(section, Picamera2Camera):
        yield "picamera2 yes"
    for written in kind.folders(section):
        yield f"folder {_installed(node, written, folder)}"
    if isinstance(section, FileCamera | ImagesCamera):
        _installed(node, section.path, folder)
    if isinstance(section, Recorder | Web) and section.tls:
        _installed(node, section.tls.certificate, folder)
        _installed(node, section.tls.key, folder)


def _installed(node: SiteNode, path: str, folder: Path) -> str:
    """A path of the site file as it is once the file lies in /etc/camfan. Raises PlanError."""
    there = PurePosixPath(path)
    if there.is_relative_to(folder):
        there = "/etc/camfan" / there.relative_to(folder)
    there = PurePosixPath(normpath(there))  # systemd wants no `..`
    shown = f"{node.kind} {node.name}: {str(there)!r}"
    if not str(there).isprintable():
        raise PlanError(f"{shown} has characters that no unit file can hold")
    if any(there.is_relative_to(hidden) for hidden in UNSEEN):
        raise PlanError(f"{shown} is hidden from services; choose a place such as /srv")
    return str(there)


def _write_drop_ins(
    here: tuple[SiteNode, ...], folder: Path, credentials: Path, into: Path
) -> None:
    for node in here:
        lines = _drop_in(node, folder)
        if lines:
            _write(into / f"{unit(node_kind(node.kind), node.name)}.d" / "10-site.conf", lines)
    names = sorted(p.name for p in credentials.iterdir()) if credentials.is_dir() else []
    for name in names:
        if not CREDENTIAL.match(name):
            raise PlanError(f"{CREDENTIALS}/{name}: is not a name that a site file can use")
    if names:
        lines = ["[Service]", *(f"LoadCredential={name}:{CREDENTIALS}/{name}" for name in names)]
        _write(into / "camfan-.service.d" / "10-secrets.conf", lines)


def _write_keys(here: tuple[SiteNode, ...], into: Path) -> None:
    """Each node is given its own secret key, which only root can read where it lies."""
    for node in here:
        name = f"{BROKER if node.kind == 'broker' else node.name}.secret"
        lines = ["[Service]", f"LoadCredential={name}:{KEYS}/{name}"]
        _write(into / f"{unit(node_kind(node.kind), node.name)}.d" / "10-keys.conf", lines)


def _drop_in(node: SiteNode, folder: Path) -> list[str]:
    """What the unit of a node must know of the site file; empty where it fits as it is."""
    service = [*_limits(node), *_ports(node)]
    written = [
        _installed(node, path, folder) for path in node_kind(node.kind).folders(node.section)
    ]
    head = [f"RequiresMountsFor={_quoted(path)}" for path in written]
    if written and not isinstance(node.section, Recorder):  # whose unit says so already
        # what it writes outlives it and must belong to a lasting user
        service += ["DynamicUser=no", "User=camfan", "Group=camfan"]
    # '-': a folder that is missing is the node's to complain about, in words
    service += [f'ReadWritePaths="-{_quoted(path)[1:]}' for path in written]
    return [*(["[Unit]", *head] if head else []), *(["[Service]", *service] if service else [])]


def _limits(node: SiteNode) -> Iterator[str]:
    section = node.section
    if isinstance(section, Broker):
        yield f"MemoryMax={section.memory + section.memory // 4 + OVERHEAD_BYTES}"
    if isinstance(section, CameraBase):
        # A silence that the pace explains is reported to systemd; after any other the source is
        # opened again before this.
        pace = planned_pace(section)
        watchdog_s = 2 * max(pace.stall_after_s, pace.patience_s) + 10
        if watchdog_s > UNIT_WATCHDOG_S:
            yield f"WatchdogSec={watchdog_s:g}"


def _ports(node: SiteNode) -> Iterator[str]:
    """The right to listen on a port below 1024, such as 443, where one is written."""
    section = node.section
    listens: list[int] = []
    if isinstance(section, Web):
        listens = [parse_address(section.listen)[1]]
    if isinstance(section, Broker):
        ports = section.ports
        listens = [ports.ingest, ports.fanout, ports.delivery]
        listens += [parse_address(section.http)[1]] if section.http else []
    if any(port < PRIVILEGED_PORTS for port in listens):
        # capabilities of a private user namespace do not count for the network
        yield "PrivateUsers=no"
        yield "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"
        yield "AmbientCapabilities=CAP_NET_BIND_SERVICE"


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "# Written by install.sh from the site file; the next installation writes it again."
    path.write_text("\n".join([head, *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
