"""Motion nodes with unknown zones, or with more start frames than their window has."""

from __future__ import annotations

from camfan_config.document.places import KeyPath, Places
from camfan_config.site.topology import select
from camfan_config.text.spelling import closest
from camfan_config.types import Motion, Site


def check(site: Site, places: Places) -> None:
    """Complains about each motion node."""
    for name, motion in site.motion.items():
        _zones(site, places, name, motion)
        path: KeyPath = ("motion", name)
        if motion.start_frames > motion.start_window and places.sound((*path, "start_window")):
            words = f"more than start_window ({motion.start_window}): no event could ever begin"
            places.complain((*path, "start_frames"), words)


def _zones(site: Site, places: Places, name: str, motion: Motion) -> None:
    watched = select(site, motion.cameras)
    for camera, zones in motion.zones.items():
        path: KeyPath = ("motion", name, "zones", camera)
        if camera not in site.cameras:
            words, meant = "is not a camera of this site", closest(camera, site.cameras)
            places.complain(path, words, suggestion=meant, key=True)
            continue
        if camera not in watched and places.sound(("motion", name, "cameras")):
            places.complain(path, f"is not among the cameras of motion.{name}", key=True)
        if not zones:
            places.complain(path, "an empty list; leave it out for the whole picture")
        known = site.cameras[camera].zones
        for index, zone in enumerate(zones):
            if zone not in known and places.sound(("cameras", camera, "zones")):
                words = f"{zone!r} is not a zone of camera {camera!r}"
                has = f" (it has {', '.join(known)})" if known else " (it has none)"
                places.complain((*path, index), words + has, suggestion=closest(zone, known))
