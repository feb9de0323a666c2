"""Several brokers: each camera names one of them."""

from __future__ import annotations

from camfan_config.document.places import KeyPath, Places
from camfan_config.text.spelling import closest
from camfan_config.types import CameraBase, CameraDefaults, Site


def check(site: Site, places: Places) -> None:
    """Complains about `broker` beside `brokers`, and about cameras without a broker."""
    if site.brokers and ("broker",) in places:
        words = "stands beside `brokers`; a site has one or the other"
        places.complain(("broker",), words, key=True)
    _named(site, places, ("defaults", "broker"), site.defaults)
    for name, camera in site.cameras.items():
        path: KeyPath = ("cameras", name)
        _named(site, places, (*path, "broker"), camera)
        if len(site.brokers) > 1 and camera.broker is None and places.sound(path):
            words = f"missing; it is one of {', '.join(site.brokers)}"
            places.complain((*path, "broker"), words)


def _named(site: Site, places: Places, path: KeyPath, section: CameraBase | CameraDefaults) -> None:
    name = section.broker
    if name is None or name in site.brokers or path not in places or not places.sound(path):
        return
    shown = places.written(path, name)
    if site.brokers:
        words = f"{shown!r} is not a broker of this site"
        places.complain(path, words, suggestion=closest(name, site.brokers))
    else:
        places.complain(path, f"{shown!r}: this site has one broker; several stand in `brokers`")
