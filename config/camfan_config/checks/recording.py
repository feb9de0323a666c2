"""Recorders with the same folder, and retention that cannot work."""

from __future__ import annotations

from posixpath import normpath

from camfan_config.document.places import KeyPath, Places
from camfan_config.site.topology import host_of
from camfan_config.text.units import format_duration
from camfan_config.types import CameraKeep, Keep, Recorder, Site


def check(site: Site, places: Places) -> None:
    """Complains about paths used twice and about retention shorter than one file."""
    seen: dict[tuple[str, str], KeyPath] = {}
    for name, recorder in site.recorders.items():
        path: KeyPath = ("recorders", name)
        _retention(recorder, path, places)
        _index(site, name, path, places)
        if not places.sound((*path, "path"), (*path, "host")):
            continue
        first = seen.setdefault((host_of(site, recorder), normpath(recorder.path)), path)
        if first != path:
            shown = places.written((*path, "path"), recorder.path)
            other = f"recorder {str(first[1])!r} (line {places.line(first)}) on the same host"
            places.complain((*path, "path"), f"{shown} is used by {other} already")


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
