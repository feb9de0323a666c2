"""Names that must be unique, and names that must mean something."""

from __future__ import annotations

from camfan_config.document.places import KeyPath, Places
from camfan_config.names import BROKER, RESERVED_NAMES
from camfan_config.site.node_kinds import NODE_KINDS, sections
from camfan_config.text.globs import is_glob, matches
from camfan_config.text.spelling import closest
from camfan_config.types import Cameras, Clips, Site


def check(site: Site, places: Places) -> None:
    """Complains about doubled, reserved and dangling names."""
    if not site.cameras and places.sound(("cameras",)):
        places.complain(("cameras",), "a site needs at least one camera")
    _unique(site, places)
    for path, cameras in _lists(site):
        _cameras(site, places, path, cameras)
    for name, recorder in site.recorders.items():
        for key in ("keep", "cameras"), ("modes",):
            for glob in recorder.modes if key == ("modes",) else recorder.keep.cameras:
                _recorded(site, places, ("recorders", name, *key, glob), recorder.cameras)
        if recorder.clips is not None:
            _clips(site, places, ("recorders", name, "clips", "from"), recorder.clips)


def _unique(site: Site, places: Places) -> None:
    """Node names are one space: each has its own key and its own status topic."""
    paths: list[KeyPath] = [("brokers", name) for name in site.brokers]
    for kind in NODE_KINDS.values():
        if kind.named and kind.name != BROKER:
            paths += [(kind.section, name) for name in sections(site, kind)]
    seen: dict[str | int, KeyPath] = {}
    subcommands = {kind.section: kind.subcommands for kind in NODE_KINDS.values()}
    for path in sorted(paths, key=places.line):
        name = path[1]
        if name in RESERVED_NAMES:
            places.complain(
                path, f"the name {name!r} is taken by {RESERVED_NAMES[str(name)]}", key=True
            )
        elif name in seen:
            other = f"{seen[name][0]} on line {places.line(seen[name])}"
            places.complain(path, f"the name is already used in {other}", key=True)
        elif name in subcommands.get(str(path[0]), ()):
            words = f"the name {name!r} is taken by `camfan {path[0]} {name}`"
            places.complain(path, words, key=True)
        seen.setdefault(name, path)
    for name in site.security.access:
        if name in seen or name in RESERVED_NAMES:
            words = "is a node of this site, and may do what its own section implies"
            places.complain(("security", "access", name), words, key=True)


def _lists(site: Site) -> list[tuple[KeyPath, Cameras]]:
    """Every list of camera names and globs in the file."""
    found: list[tuple[KeyPath, Cameras]] = []
    found += [(("recorders", n, "cameras"), r.cameras) for n, r in site.recorders.items()]
    found += [(("motion", n, "cameras"), m.cameras) for n, m in site.motion.items()]
    found += [(("security", "access", n, "view"), a.view) for n, a in site.security.access.items()]
    if site.web is not None:
        found.append((("web", "cameras"), site.web.cameras))
        found += [(("web", "users", n, "cameras"), u.cameras) for n, u in site.web.users.items()]
        found += [(("web", "tokens", n, "cameras"), t.cameras) for n, t in site.web.tokens.items()]
    return found


def _cameras(site: Site, places: Places, path: KeyPath, patterns: Cameras) -> None:
    if not isinstance(patterns, tuple) or not site.cameras or path not in places:
        return
    if not patterns and path[-1] != "view":
        words = "an empty list; name at least one camera, or leave the key out for all of them"
        places.complain(path, words)
    for index, pattern in enumerate(patterns):
        if not any(matches(name, [pattern]) for name in site.cameras):
            globbed = is_glob(pattern)
            words = "matches no camera of this site" if globbed else "is not a camera of this site"
            meant = None if globbed else closest(pattern, site.cameras)
            shown = places.written((*path, index), pattern)
            places.complain((*path, index), f"{shown!r} {words}", suggestion=meant)


def _recorded(site: Site, places: Places, path: KeyPath, recorded: Cameras) -> None:
    """A key that stands for cameras of a recorder."""
    glob = str(path[-1])
    cameras = [name for name in site.cameras if recorded == "*" or matches(name, recorded)]
    if cameras and not any(matches(name, [glob]) for name in cameras):
        words = f"{glob!r} matches no camera that is recorded here"
        meant = None if is_glob(glob) else closest(glob, cameras)
        places.complain(path, words, suggestion=meant, key=True)


def _clips(site: Site, places: Places, path: KeyPath, clips: Clips) -> None:
    for index, name in enumerate(clips.source):
        meant = None if name in site.motion else closest(name, site.motion)
        if meant is not None:
            words = f"{name!r} is not a motion node of this site"
            places.complain((*path, index), words, suggestion=meant)
