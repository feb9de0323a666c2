"""Where the broker of a site is, from what the user named the site by.

A site is named by the path of its file, by a loaded Site, or by the address of the broker's
delivery socket, in which case only the broker knows which cameras exist.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Iterable
from ipaddress import IPv6Address
from pathlib import Path

from camfan.errors import EndpointError, UnknownCameraError
from camfan.options import check_name
from camfan_config import (
    Hidden,
    Site,
    broker_of,
    brokers_for,
    did_you_mean,
    endpoints,
    read_site,
    select,
)
from camfan_config.types import Ports

DELIVERY_PORT, INGEST_PORT = Ports().delivery, Ports().ingest  # where an address has none
MAX_PATTERNS, MAX_PATTERN = 1024, 64

_ENDPOINT = re.compile(r"tcp://([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})|ipc://.+")
_HOST = re.compile(r"(?P<host>[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9a-fA-F:.]+\])(:(?P<port>[^:]*))?")
_PATTERN = re.compile(r"[a-z0-9_*?\[\]!-]+")
_FILES = {".yaml", ".yml", ".json", ".toml", ".txt", ".conf", ".cfg", ".ini"}

SiteLike = str | os.PathLike[str] | Site
Cameras = str | Iterable[str] | None


def resolve(site: SiteLike) -> Site | str:
    """A loaded Site, or an endpoint. Raises SiteError and EndpointError."""
    return resolve_with_hidden(site)[0]


def resolve_with_hidden(site: SiteLike) -> tuple[Site | str, Hidden]:
    """The same, and what its file got from elsewhere. Raises SiteError and EndpointError."""
    if isinstance(site, Site):
        return site, Hidden()
    if not isinstance(site, str | os.PathLike):
        raise TypeError(f"a site is a path, an address or a Site, not {site!r}")
    if isinstance(site, str) and not _is_path(site):
        return complete_endpoint(site, DELIVERY_PORT), Hidden()
    loaded = read_site(site)
    return loaded.site, loaded.hidden


def _is_path(site: str) -> bool:
    """A text that names a file rather than a host; a file that exists always does."""
    if "://" in site:
        return False
    looks_like_one = any(mark in site for mark in (os.sep, "/", "\\")) or site in (".", "..")
    return looks_like_one or Path(site).suffix.lower() in _FILES or _is_file(site)


def _is_file(site: str) -> bool:
    try:
        return Path(site).is_file()
    except OSError:  # longer than a name can be
        return False


def complete_endpoint(address: str, port: int) -> str:
    """`hub.local` or `hub.local:5552` as an endpoint. Raises EndpointError."""
    endpoint = address
    if "://" not in address:
        found = _HOST.fullmatch(f"[{address}]" if _is_ipv6(address) else address)
        if found is None:
            raise _not_an_address(address)
        given = found["port"]
        endpoint = f"tcp://{found['host']}:{port if given is None else given}"
    parts = _ENDPOINT.fullmatch(endpoint)
    if parts is None or ((parts[1] or "").startswith("[") and not _is_ipv6(parts[1][1:-1])):
        raise _not_an_address(address)
    if parts[2] is not None and not 1 <= int(parts[2]) <= 65535:
        raise EndpointError(f"'{address}' has no port from 1 to 65535")
    return endpoint


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _not_an_address(address: str) -> EndpointError:
    return EndpointError(
        f"'{address}' is not an address such as tcp://hub.local:{DELIVERY_PORT}, "
        "nor the path of a site file"
    )


def delivery_endpoint(site: Site | str, broker: str | None = None) -> str:
    """Of the broker of this name, or the first."""
    return site if isinstance(site, str) else endpoints(site, broker).delivery


def camera_endpoints(site: Site | str, camera: str, ingest: str | None) -> tuple[str, str]:
    """Where a camera's messages and its frames go: the delivery and ingest addresses.

    `ingest`, if given, replaces that of the site. Raises UnknownCameraError and EndpointError.
    """
    check_camera(site, camera)
    if ingest is not None:
        ingest = complete_endpoint(ingest, INGEST_PORT)
    if isinstance(site, str):
        if ingest is None:
            raise EndpointError(
                "to publish a camera without a site file, name the ingest address as well"
            )
        return site, ingest
    addresses = endpoints(site, broker_of(site, camera))
    return addresses.delivery, ingest or addresses.ingest


def event_endpoints(site: Site | str, name: str | None) -> dict[str, str]:
    """The delivery addresses that the events of a node go to, by broker; its own comes first."""
    if isinstance(site, str):
        return {"": site}
    return {broker: delivery_endpoint(site, broker) for broker in brokers_for(site, name)}


def camera_patterns(site: Site | str, cameras: Cameras) -> list[str]:
    """Names and globs to ask the broker for.

    Raises TypeError and ValueError for what cannot be one, and UnknownCameraError for what the
    site file does not know.
    """
    if cameras is None:
        return ["*"]
    patterns = [cameras] if isinstance(cameras, str) else _listed(cameras)
    if len(patterns) > MAX_PATTERNS:
        raise ValueError(f"{len(patterns)} names and globs of cameras; at most {MAX_PATTERNS}")
    for pattern in patterns:
        _check_pattern(site, pattern)
    return patterns


def check_camera(site: Site | str, camera: object) -> None:
    """Raises TypeError, ValueError and UnknownCameraError for what is not one camera's name."""
    if isinstance(site, Site) and isinstance(camera, str) and camera not in site.cameras:
        raise UnknownCameraError(_unknown(site, camera))
    check_name("camera", camera)


def _listed(cameras: object) -> list[str]:
    if isinstance(cameras, Iterable) and not isinstance(cameras, bytes | bytearray):
        patterns = list(cameras)
        if all(isinstance(pattern, str) for pattern in patterns):
            return patterns
    raise TypeError(f"cameras is a name, a glob or a list of these, not {cameras!r}")


def _check_pattern(site: Site | str, pattern: str) -> None:
    if isinstance(site, Site) and not select(site, (pattern,)):
        raise UnknownCameraError(_unknown(site, pattern))
    if not _PATTERN.fullmatch(pattern) or len(pattern) > MAX_PATTERN:
        raise ValueError(
            f"{pattern!r} is not a name or glob of cameras: up to {MAX_PATTERN} lower-case "
            "letters, digits, '-', '_', and * ? [] in a glob"
        )


def _unknown(site: Site, pattern: str) -> str:
    hint = did_you_mean(pattern, sorted(site.cameras), otherwise="it has")
    return f"site '{site.site}' has no camera '{pattern}'; {hint}"


def own_name(kind: str) -> str:
    """A name for a peer that is not a node of the site file: what it is, where, and which one."""
    host = re.sub(r"[^a-z0-9-]", "-", socket.gethostname().split(".")[0].lower()).strip("-")
    return f"{kind[:16]}-{host[:40] or 'host'}-{secrets.token_hex(2)}"
