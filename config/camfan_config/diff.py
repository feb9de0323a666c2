"""What changes from one site to another, and who has to know.

A node restarts when its own section changes or something it was started with: the broker's
address, the keys, the zones it looks at. A new or lost camera is news (`reload`) to the broker
and to nodes that take cameras by a glob; whoever is in neither list goes on undisturbed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from camfan_config.places import dotted
from camfan_config.render import plain
from camfan_config.topology import bind_addresses, endpoints, nodes, select
from camfan_config.types import CameraBase, Motion, Recorder, Site, Web

_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One key; None for a side that does not have it. Secrets are masked."""

    key: str
    old: object
    new: object
    sort: str  # "added", "removed" or "changed"


@dataclass(frozen=True, slots=True)
class SiteDiff:
    changes: tuple[Change, ...]
    start: tuple[str, ...]  # names of nodes, "broker" among them
    stop: tuple[str, ...]
    restart: tuple[str, ...]
    reload: tuple[str, ...]  # told, without an interruption


def diff_sites(old: Site, new: Site) -> SiteDiff:
    """Pure; every node of either site is in at most one list."""
    before = {node.name: node.section for node in nodes(old)}
    after = {node.name: node.section for node in nodes(new)}
    both = [name for name in after if name in before]
    restart = [name for name in both if _started_with(old, name) != _started_with(new, name)]
    return SiteDiff(
        changes=tuple(_changes(old, new)),
        start=tuple(name for name in after if name not in before),
        stop=tuple(name for name in before if name not in after),
        restart=tuple(restart),
        reload=tuple(
            name for name in both if name not in restart and _told(old, name) != _told(new, name)
        ),
    )


def _started_with(site: Site, name: str) -> object:
    """All that a node cannot change while it runs; equal before and after: it stays."""
    node = next(node for node in nodes(site) if node.name == name)
    section, common = node.section, (site.site, endpoints(site), _safety(site))
    if isinstance(section, CameraBase):
        own: Any = [getattr(section, f) for f in section.__struct_fields__ if f not in _FOR_OTHERS]
        return common, node.kind, type(section), node.host, own
    if isinstance(section, Motion):
        watched = [site.cameras[n] for n in select(site, section.cameras)]
        looks_at = [(c.zones, c.masks) for c in watched if c.zones or c.masks]
        return common, node.kind, node.host, section, looks_at
    if name == "broker":
        return common, section, bind_addresses(site)
    return common, node.kind, node.host, section


_FOR_OTHERS = frozenset({"zones", "masks", "host"})  # of a camera; the host counts resolved


def _safety(site: Site) -> object:
    return site.security.keys, site.security.insecure


def _told(site: Site, name: str) -> object:
    """All that a running node has to be told when it changes."""
    section = next(node.section for node in nodes(site) if node.name == name)
    if name == "broker":
        everyone = [(node.kind, node.name) for node in nodes(site)]
        views = [(n, select(site, s.cameras)) for n, s in _consumers(site)]
        return sorted(site.cameras), everyone, views, site.security.access
    if isinstance(section, Recorder | Motion | Web):
        return set(select(site, section.cameras))
    return None


def _consumers(site: Site) -> Iterator[tuple[str, Recorder | Motion | Web]]:
    for node in nodes(site):
        if isinstance(node.section, Recorder | Motion | Web):
            yield node.name, node.section


def _changes(old: Site, new: Site) -> Iterator[Change]:
    before, after = dict(_leaves(old)), dict(_leaves(new))
    for path in sorted({*before, *after}, key=lambda path: [str(part) for part in path]):
        was, now = before.get(path, _ABSENT), after.get(path, _ABSENT)
        if was is _ABSENT:
            yield Change(dotted(path), None, now[1], "added")
        elif now is _ABSENT:
            yield Change(dotted(path), was[1], None, "removed")
        elif was[0] != now[0]:
            yield Change(dotted(path), was[1], now[1], "changed")


def _leaves(site: Site) -> Iterator[tuple[tuple[str, ...], tuple[object, object]]]:
    """Key path to the real value, to be compared, and the masked one, to be shown."""
    real = plain(site, lambda _kind, _path, value: value)
    return _walk(real, plain(site), ())


def _walk(
    real: Any, shown: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], tuple[object, object]]]:
    if not isinstance(real, dict):
        yield path, (real, shown)
        return
    for name, value in real.items():
        yield from _walk(value, shown[name], (*path, name))
