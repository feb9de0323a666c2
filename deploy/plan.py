"""What one machine of a site needs, worked out for `install.sh` by the camfan that it installed.

Prints one `word value` a line and writes, as drop-ins, what systemd must know of the site file.
Installs, enables and starts nothing. Exit code 78: the site file does not fit this machine.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from camfan_config import (
    BROKER,
    Broker,
    CameraBase,
    CamfanError,
    CustomCamera,
    FileCamera,
    HttpCamera,
    ImagesCamera,
    Motion,
    Node,
    Picamera2Camera,
    Recorder,
    RtspCamera,
    UpstreamCamera,
    hosts,
    load_site,
)
from camfan_nodes.up.share import STARTED, choose_host

EXIT_CONFIG = 78
UNIT_WATCHDOG_S = 30.0  # WatchdogSec of camfan-camera@.service
UNSEEN = ("/home", "/root", "/run/user")  # what ProtectHome= hides
OVERHEAD_BYTES = 512_000_000  # of the broker: the interpreter, and frames on their way out
CREDENTIALS = "/etc/camfan/credentials"
KEYS = "/etc/camfan/keys"
CREDENTIAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class PlanError(CamfanError):
    """Something of the site file cannot work as a service of this machine."""


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        site = load_site(args.site)
        host = choose_host(site, args.host)
        here = hosts(site)[host]
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
    parser.add_argument("--host", help="without it: this machine")
    parser.add_argument("--credentials", type=Path, required=True, help="folder of the secrets")
    parser.add_argument("--into", type=Path, required=True, help="folder for the drop-ins")
    return parser


def unit(node: Node) -> str:
    """The systemd unit of a node."""
    name = "" if node.name == BROKER else f"@{node.name}"
    return f"camfan-{node.kind}{name}.service"


def _needs(node: Node, folder: Path) -> Iterator[str]:
    section = node.section
    if isinstance(section, CustomCamera | UpstreamCamera):
        return
    if node.kind not in STARTED:
        yield f"left-out {node.name}"
        return
    yield f"unit {unit(node)}"
    extra = _extra(section)
    if extra:
        yield f"extra {extra}"
    if isinstance(section, Picamera2Camera):
        yield "picamera2 yes"
    if isinstance(section, Recorder):
        yield f"folder {_installed(node, section.path, folder)}"
    if isinstance(section, FileCamera | ImagesCamera):
        _installed(node, section.path, folder)


def _extra(section: object) -> str | None:
    """The extra of camfan that a node cannot do without."""
    if isinstance(section, FileCamera | RtspCamera):
        return "video"
    if isinstance(section, HttpCamera):
        return "video" if section.size else None  # only resizing asks for OpenCV
    if isinstance(section, Recorder):
        return "recorder"
    return "motion" if isinstance(section, Motion) else None


def _installed(node: Node, path: str, folder: Path) -> str:
    """A path of the site file as it is once the file lies in /etc/camfan. Raises PlanError."""
    there = PurePosixPath(path)
    if there.is_relative_to(folder):
        there = "/etc/camfan" / there.relative_to(folder)
    shown = f"{node.kind} {node.name}: {str(there)!r}"
    if not str(there).isprintable():
        raise PlanError(f"{shown} has characters that no unit file can hold")
    if any(there.is_relative_to(hidden) for hidden in UNSEEN):
        raise PlanError(f"{shown} is hidden from services; choose a place such as /srv")
    return str(there)


def _write_drop_ins(here: tuple[Node, ...], folder: Path, credentials: Path, into: Path) -> None:
    for node in here:
        lines = _drop_in(node, folder)
        if lines:
            _write(into / f"{unit(node)}.d" / "10-site.conf", lines)
    names = sorted(p.name for p in credentials.iterdir()) if credentials.is_dir() else []
    for name in names:
        if not CREDENTIAL.match(name):
            raise PlanError(f"{CREDENTIALS}/{name}: is not a name that a site file can use")
    if names:
        lines = ["[Service]", *(f"LoadCredential={name}:{CREDENTIALS}/{name}" for name in names)]
        _write(into / "camfan-.service.d" / "10-secrets.conf", lines)


def _write_keys(here: tuple[Node, ...], into: Path) -> None:
    """Each node is given its own secret key, which only root can read where it lies."""
    for node in here:
        if isinstance(node.section, CustomCamera | UpstreamCamera):
            continue  # no unit
        name = f"{BROKER if node.kind == 'broker' else node.name}.secret"
        lines = ["[Service]", f"LoadCredential={name}:{KEYS}/{name}"]
        _write(into / f"{unit(node)}.d" / "10-keys.conf", lines)


def _drop_in(node: Node, folder: Path) -> list[str]:
    """What the unit of a node must know of the site file; empty where it fits as it is."""
    section = node.section
    if isinstance(section, Broker):
        return ["[Service]", f"MemoryMax={section.memory + section.memory // 4 + OVERHEAD_BYTES}"]
    if isinstance(section, Recorder):
        path = _quoted(_installed(node, section.path, folder))
        # '-': a folder that is missing is the recorder's to complain about, in words
        return ["[Unit]", f"RequiresMountsFor={path}", "[Service]", f'ReadWritePaths="-{path[1:]}']
    if isinstance(section, CameraBase) and not isinstance(section, CustomCamera | UpstreamCamera):
        watchdog_s = 2 * section.stall_after + 10  # a silent source is opened again before this
        if watchdog_s > UNIT_WATCHDOG_S:
            return ["[Service]", f"WatchdogSec={watchdog_s:g}"]
    return []


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "# Written by install.sh from the site file; the next installation writes it anew."
    path.write_text("\n".join([head, *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
