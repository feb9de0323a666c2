"""Where the broker of a site is, from whatever the user named the site by.

A site is named by the path of its file, by a loaded Site, or by the delivery address alone, in
which case the broker is the one that knows which cameras exist.
"""

from __future__ import annotations

import difflib
import os
import re
import secrets
import socket
from collections.abc import Sequence

from camfan.errors import EndpointError, UnknownCameraError
from camfan_config import Site, broker_of, brokers_for, endpoints, load_site, select

_ENDPOINT = re.compile(r"tcp://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})|ipc://.+")

SiteLike = str | os.PathLike[str] | Site


def is_endpoint(site: SiteLike) -> bool:
    return isinstance(site, str) and "://" in site


def check_endpoint(endpoint: str) -> str:
    """Raises EndpointError."""
    if not _ENDPOINT.fullmatch(endpoint):
        raise EndpointError(f"'{endpoint}' is not an address such as tcp://hub.local:5552")
    return endpoint


def resolve(site: SiteLike) -> Site | str:
    """A loaded Site, or an endpoint. Raises SiteError and EndpointError."""
    if isinstance(site, Site):
        return site
    if isinstance(site, str) and is_endpoint(site):
        return check_endpoint(site)
    return load_site(site)


def delivery_endpoint(site: Site | str, broker: str | None = None) -> str:
    """Of the broker of this name, or the first."""
    return site if isinstance(site, str) else endpoints(site, broker).delivery


def camera_endpoints(site: Site | str, camera: str, ingest: str | None) -> tuple[str, str]:
    """Where a camera's messages and its frames go: the delivery and ingest addresses.

    `ingest`, if given, replaces that of the site. Raises UnknownCameraError and EndpointError.
    """
    if ingest is not None:
        check_endpoint(ingest)
    if isinstance(site, str):
        if ingest is None:
            raise EndpointError(
                "to publish a camera without a site file, name the ingest address as well"
            )
        return site, ingest
    camera_patterns(site, [camera])
    addresses = endpoints(site, broker_of(site, camera))
    return addresses.delivery, ingest or addresses.ingest


def event_endpoints(site: Site | str, name: str | None) -> dict[str, str]:
    """The delivery addresses that the events of a node go to, by broker; its own comes first."""
    if isinstance(site, str):
        return {"": site}
    return {broker: delivery_endpoint(site, broker) for broker in brokers_for(site, name)}


def camera_patterns(site: Site | str, cameras: str | Sequence[str] | None) -> list[str]:
    """Names and globs to ask the broker for. Raises UnknownCameraError where that can be known."""
    if cameras is None:
        return ["*"]
    patterns = [cameras] if isinstance(cameras, str) else list(cameras)
    if isinstance(site, Site):
        for pattern in patterns:
            if not select(site, (pattern,)):
                raise UnknownCameraError(_unknown(site, pattern))
    return patterns


def _unknown(site: Site, pattern: str) -> str:
    near = difflib.get_close_matches(pattern, site.cameras, 1)
    hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(sorted(site.cameras))}"
    return f"site '{site.site}' has no camera '{pattern}'; {hint}"


def own_name(kind: str) -> str:
    """A name for a peer that is no node of the site file: what it is, where, and which one."""
    host = re.sub(r"[^a-z0-9-]", "-", socket.gethostname().split(".")[0].lower()).strip("-")
    return f"{kind}-{host[:40] or 'host'}-{secrets.token_hex(2)}"
