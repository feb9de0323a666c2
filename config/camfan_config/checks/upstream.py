"""Cameras of other sites: from one that is named, each once, and not in the clear."""

from __future__ import annotations

from urllib.parse import urlsplit

from camfan_config.document.places import KeyPath, Places
from camfan_config.site.topology import is_loopback
from camfan_config.text.spelling import closest
from camfan_config.types import Site, Upstream, UpstreamCamera

_OF_A_NODE = ("host", "ring")  # which such a camera does not have


def check(site: Site, places: Places) -> None:
    """Complains about sections of `upstream`, and about the cameras that are taken from there."""
    for name, upstream in site.upstream.items():
        _is_safe(site, upstream, ("upstream", name), places)
    taken: dict[tuple[str, str], str] = {}
    for name, camera in site.cameras.items():
        if isinstance(camera, UpstreamCamera):
            _taken(site, name, camera, places)
            first = taken.setdefault((camera.upstream, camera.camera or name), name)
            if first != name:
                words = f"this camera is already taken, as {first!r}"
                places.complain(("cameras", name), words, key=True)


def _taken(site: Site, name: str, camera: UpstreamCamera, places: Places) -> None:
    path: KeyPath = ("cameras", name)
    if camera.upstream not in site.upstream and places.sound((*path, "from")):
        shown = places.written((*path, "from"), camera.upstream)
        words = f"{shown!r} is not a section of `upstream`"
        places.complain((*path, "from"), words, suggestion=closest(shown, site.upstream))
    for key in _OF_A_NODE:
        if (*path, key) in places:
            words = "no effect: the broker itself takes this camera from another site"
            places.complain((*path, key), words, key=True)


def _is_safe(site: Site, upstream: Upstream, path: KeyPath, places: Places) -> None:
    if (upstream.key is None) != (upstream.server_key is None):
        missing = "key" if upstream.key is None else "server_key"
        places.complain((*path, missing), "missing; `key` and `server_key` are needed together")
    address = (*path, "delivery")
    if upstream.key is not None or site.security.insecure or not places.sound(path):
        return
    if not is_loopback(urlsplit(upstream.delivery).hostname or ""):
        words = (
            f"{places.written(address, upstream.delivery)!r} is reached over the network without "
            "keys: name the `key` that is permitted there and its `server_key`, or write "
            "'security: {insecure: true}' where the network is your own"
        )
        places.complain(address, words)
