"""Recorders with the same folder, and retention that cannot work."""

from __future__ import annotations

from posixpath import normpath

from camfan_config.document.places import KeyPath, Places
from camfan_config.site.topology import host_of, is_loopback
from camfan_config.text.units import format_duration, parse_address
from camfan_config.types import CameraKeep, Keep, Recorder, Site, Web


def check(site: Site, places: Places) -> None:
    """Complains about paths used twice and about retention shorter than one file."""
    seen: dict[tuple[str, str], KeyPath] = {}
    for name, recorder in site.recorders.items():
        path: KeyPath = ("recorders", name)
        _retention(recorder, path, places)
        _index(site, name, path, places)
        _http(site, recorder, path, places)
        if not places.sound((*path, "path"), (*path, "host")):
            continue
        first = seen.setdefault((host_of(site, recorder), normpath(recorder.path)), path)
        if first != path:
            shown = places.written((*path, "path"), recorder.path)
            other = f"recorder {str(first[1])!r} (line {places.line(first)}) on the same host"
            places.complain((*path, "path"), f"{shown} is used by {other} already")


def _http(site: Site, recorder: Recorder, path: KeyPath, places: Places) -> None:
    """Recordings leave the machine with keys and encrypted, or not at all."""
    http = (*path, "http")
    if recorder.http is None:
        if recorder.tls is not None:
            places.complain((*path, "tls"), "has no effect without `http`", key=True)
        return
    if not places.sound(http, ("security",)) or site.security.insecure:
        return
    shown = places.written(http, recorder.http)
    host = parse_address(recorder.http)[0]
    if not is_loopback(host) and site.security.keys is None:
        words = "listens to the network without security.keys: make keys with 'camfan keys new'"
        places.complain(http, f"{shown!r} {words}")
    elif not is_loopback(host) and recorder.tls is None and places.sound((*path, "tls")):
        words = "listens to the network without `tls`: write 'tls: {certificate: PEM, key: PEM}'"
        places.complain(http, f"{shown!r} {words}")
    elif is_loopback(host) and site.web is not None and places.sound((*path, "host"), ("web",)):
        _same_machine(site, site.web, recorder, http, places)


def _same_machine(site: Site, web: Web, recorder: Recorder, http: KeyPath, places: Places) -> None:
    here, there = host_of(site, recorder), host_of(site, web)
    if here != there:
        shown = places.written(http, recorder.http or "")
        words = f"{shown!r} is reached from {here} only, and the web pages run on {there}"
        places.complain(http, f"{words}: listen on 0.0.0.0, with `tls`")


def _index(site: Site, name: str, path: KeyPath, places: Places) -> None:
    """Two recorders cannot write one index."""
    own = site.recorders[name]
    if own.index is None or not places.sound((*path, "index"), (*path, "host")):
        return
    if own.index.endswith((".sqlite", ".sqlite3", ".db")):
        shown = places.written((*path, "index"), own.index)
        words = f"{shown!r} is the name of a file; name the folder that index.sqlite belongs into"
        places.complain((*path, "index"), words)
        return
    for other, recorder in site.recorders.items():
        if other == name or host_of(site, recorder) != host_of(site, own):
            continue
        if normpath(recorder.index or recorder.path) == normpath(own.index):
            shown = places.written((*path, "index"), own.index)
            words = (
                f"{shown} is used by recorder {other!r} (line {places.line(('recorders', other))})"
            )
            places.complain((*path, "index"), f"{words} on the same host already")
            return


def _retention(recorder: Recorder, path: KeyPath, places: Places) -> None:
    clips = recorder.clips
    if clips is not None and clips.max_length <= clips.before + clips.after:
        words = "not longer than `before` and `after` together"
        places.complain((*path, "clips", "max_length"), words)
    _limits(recorder.keep, recorder.segment, path, (*path, "keep"), places)
    for glob, keep in recorder.keep.cameras.items():
        _limits(keep, recorder.segment, path, (*path, "keep", "cameras", glob), places)


def _limits(
    keep: Keep | CameraKeep, segment: float, recorder: KeyPath, path: KeyPath, places: Places
) -> None:
    if keep.age is not None and keep.age < segment and places.sound((*recorder, "segment")):
        words = f"shorter than one segment ({format_duration(segment)}); they are deleted whole"
        places.complain((*path, "age"), words)
    if keep.size == 0:
        places.complain((*path, "size"), "with 0 bytes nothing can be recorded")
