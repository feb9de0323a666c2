"""Cameras that cannot work as written: shared devices, keys without effect, flat polygons."""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import normpath
from urllib.parse import urlsplit

from camfan_config.document.places import KeyPath, Places
from camfan_config.site.inherit import without_effect
from camfan_config.site.topology import host_of
from camfan_config.text.urls import login_trouble
from camfan_config.types import (
    Camera,
    CameraRing,
    FileCamera,
    HttpCamera,
    Limits,
    NetworkCamera,
    Picamera2Camera,
    Polygon,
    RtspCamera,
    Site,
    Size,
    V4l2Camera,
)

_SCHEMES = {RtspCamera: ("rtsp", "rtsps"), HttpCamera: ("http", "https")}


def check(site: Site, places: Places) -> None:
    """Complains about each camera, then about cameras that share a device."""
    _stall(site.defaults.stall_after, ("defaults", "stall_after"), places)
    _ring(site.defaults.ring, ("defaults", "ring"), places)
    _size(site.defaults.size, site.security.limits, ("defaults", "size"), places)
    for name, camera in site.cameras.items():
        path: KeyPath = ("cameras", name)
        _effect(camera, path, places)
        _size(getattr(camera, "size", None), site.security.limits, (*path, "size"), places)
        _polygons(camera, path, places)
        _stall(camera.stall_after, (*path, "stall_after"), places)
        _ring(camera.ring, (*path, "ring"), places)
        if isinstance(camera, NetworkCamera) and places.sound((*path, "url")):
            _url(camera, (*path, "url"), places)
        if isinstance(camera, NetworkCamera):
            _trust(camera, path, places)
    _devices(site, places)


def _stall(stall_after: float | None, path: KeyPath, places: Places) -> None:
    if stall_after == 0 and path in places:  # where it is written, not where it is inherited
        places.complain(path, "with 0 the source would never be left open")


def _ring(ring: CameraRing, path: KeyPath, places: Places) -> None:
    if path not in places or not places.sound(path):  # where it is written, not where inherited
        return
    if ring.disk is not None and ring.path is None:
        places.complain((*path, "disk"), "needs a path: the folder of the ring on the disk")
    if ring.path is not None and ring.disk is None:
        places.complain((*path, "path"), "no effect without disk: how much of it, such as 4GB")


def _effect(camera: Camera, path: KeyPath, places: Places) -> None:
    if not places.sound((*path, "source"), (*path, "format"), (*path, "snapshot")):
        return
    if isinstance(camera, V4l2Camera) and camera.format is None:
        return  # what it gives is known once it is open
    values = {name: getattr(camera, name) for name in camera.__struct_fields__}
    way_out = {
        V4l2Camera: "; with another 'format', or none, it would have one",
        HttpCamera: "; with 'snapshot: true' it would have one",
    }
    for key in sorted(without_effect(type(camera), values)):
        if (*path, key) in places:
            words = "no effect: the JPEGs of this camera pass through untouched"
            places.complain((*path, key), words + way_out.get(type(camera), ""), key=True)


def _size(size: Size | None, limits: Limits, path: KeyPath, places: Places) -> None:
    if size is None or path not in places or not places.sound(path, ("security", "limits")):
        return
    pixels = size.width * size.height
    if pixels > limits.pixels:
        words = f"{pixels} pixels are more than this site allows ({limits.pixels})"
        places.complain(path, f"{words}; raise security.limits.pixels")


def _polygons(camera: Camera, path: KeyPath, places: Places) -> None:
    kinds: dict[str, Mapping[str, Polygon]] = {"zones": camera.zones, "masks": camera.masks}
    if not isinstance(camera, FileCamera | V4l2Camera) or camera.privacy:
        kinds["privacy"] = getattr(camera, "privacy", {})
    for kind, polygons in kinds.items():
        for name, corners in polygons.items():
            if _area(corners) < 1e-9:
                words = "these corners lie on one line and enclose nothing"
                places.complain((*path, kind, name), words)


def _area(corners: Polygon) -> float:
    turned = (*corners[1:], corners[0])
    pairs = zip(corners, turned, strict=True)
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairs)) / 2


def _url(camera: NetworkCamera, path: KeyPath, places: Places) -> None:
    schemes = _SCHEMES[type(camera)]
    trouble = login_trouble(camera.url)
    if trouble is not None:
        places.complain(path, trouble)
        return
    try:
        parts = urlsplit(camera.url)
        if parts.scheme in schemes and parts.hostname and (parts.port is None or parts.port > 0):
            return
        words = ""
    except ValueError as exc:
        words = "; a port is a number from 1 to 65535" if "ort" in str(exc) else ""
    known = " or ".join(f"{scheme}://host/..." for scheme in schemes)
    places.complain(path, f"the value is not an address such as {known}{words}")


def _trust(camera: NetworkCamera, path: KeyPath, places: Places) -> None:
    """One way to know a certificate, where there is one."""
    given = [key for key in ("ca", "fingerprint") if getattr(camera, key) is not None]
    given += [] if camera.verify else ["verify"]
    if not given or not places.sound(*((*path, key) for key in (*given, "url", "source"))):
        return
    secure = _SCHEMES[type(camera)][1]
    if urlsplit(camera.url).scheme != secure:
        words = f"no effect: there is no certificate where the address is not {secure}://"
        places.complain((*path, given[0]), words, key=True)
    elif camera.ca is not None and camera.fingerprint is not None:
        places.complain((*path, "ca"), "no effect beside fingerprint; leave one out", key=True)
    elif not camera.verify and (camera.ca is not None or camera.fingerprint is not None):
        words = "with false, ca and fingerprint have no effect; leave it out"
        places.complain((*path, "verify"), words)


def _devices(site: Site, places: Places) -> None:
    """A device can have one reader."""
    seen: dict[tuple[str, str], KeyPath] = {}
    for name, camera in site.cameras.items():
        path: KeyPath = ("cameras", name)
        if isinstance(camera, V4l2Camera):
            key, device = "device", normpath(camera.device)
        elif isinstance(camera, Picamera2Camera):
            key, device = "camera", f"ribbon cable {camera.camera}"
        else:
            continue
        if not places.sound((*path, key), (*path, "host"), (*path, "source")):
            continue
        first = seen.setdefault((host_of(site, camera), device), path)
        if first != path:
            shown = places.written((*path, key), device) if key == "device" else device
            other = f"camera {str(first[1])!r} (line {places.line(first)}) on the same host"
            places.complain((*path, key), f"{shown} is used by {other} already")
