"""What changes from one site to another, and which nodes are affected.

A node restarts when its own section changes or something it was started with: the broker's
address, the keys, the zones it looks at. A new or lost camera is news (`reload`) to the broker
and to nodes that take cameras by a glob; a node in neither list is not affected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from camfan_config.document.places import dotted
from camfan_config.load import Loaded
from camfan_config.report.render import as_written, plain
from camfan_config.site.topology import (
    SiteNode,
    as_seen_by,
    bind_addresses,
    brokers_for,
    endpoints,
    nodes,
    select,
)
from camfan_config.types import Broker, CameraBase, Motion, Recorder, Site, UpstreamCamera, Web


@dataclass(frozen=True, slots=True)
class SiteChange:
    """One key, or a mapping that is there as a whole or not at all. Secrets are masked."""

    key: str
    old: object  # None when added
    new: object  # None when removed
    sort: Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class SiteDiff:
    changes: tuple[SiteChange, ...]
    start: tuple[str, ...]  # names of nodes, "broker" among them
    stop: tuple[str, ...]
    restart: tuple[str, ...]
    reload: tuple[str, ...]  # informed, without an interruption


def diff_files(old: Loaded, new: Loaded) -> SiteDiff:
    """As `diff_sites`; what came from elsewhere appears as the `${NAME}` of the file."""
    shown = plain(old.site, as_written(old)), plain(new.site, as_written(new))
    return replace(diff_sites(old.site, new.site), changes=_changes(old.site, new.site, shown))


def diff_sites(old: Site, new: Site) -> SiteDiff:
    """Pure; every node of either site is in at most one list."""
    before = {node.name: node.section for node in nodes(old)}
    after = {node.name: node.section for node in nodes(new)}
    both = [name for name in after if name in before]
    restart = [name for name in both if _started_with(old, name) != _started_with(new, name)]
    return SiteDiff(
        changes=_changes(old, new, (plain(old), plain(new))),
        start=tuple(name for name in after if name not in before),
        stop=tuple(name for name in before if name not in after),
        restart=tuple(restart),
        reload=tuple(
            name
            for name in both
            if name not in restart and _taken_over(old, name) != _taken_over(new, name)
        ),
    )


def _started_with(site: Site, name: str) -> object:
    """All that a node cannot change while it runs; equal before and after: it stays."""
    node = next(node for node in nodes(site) if node.name == name)
    section, common = node.section, (site.site, _dials(site, node), _safety(site))
    if isinstance(section, CameraBase):
        if isinstance(section, UpstreamCamera):
            return node.kind  # there is no process; its broker is informed
        own: Any = [getattr(section, f) for f in section.__struct_fields__ if f not in _FOR_OTHERS]
        return common, node.kind, type(section), node.host, own
    if isinstance(section, Motion):
        watched = [site.cameras[n] for n in select(site, section.cameras)]
        looks_at = [(c.zones, c.masks) for c in watched if c.zones or c.masks]
        return common, node.kind, node.host, section, looks_at
    if isinstance(section, Web):
        shown = select(site, section.cameras)
        titles = {name: site.cameras[name].title for name in shown if site.cameras[name].title}
        return common, node.host, section, titles
    if isinstance(section, Broker):
        return common, section, bind_addresses(site, name)
    return common, node.kind, node.host, section


# Of a camera; the host counts resolved, and of the broker, its address.
_FOR_OTHERS = frozenset({"title", "zones", "masks", "host", "broker"})


def _dials(site: Site, node: SiteNode) -> object:
    """Where a node finds the brokers it needs; a broker, where it is found."""
    names = (node.name,) if node.kind == "broker" else brokers_for(site, node.name)
    return [endpoints(site, name) for name in names]


def _safety(site: Site) -> object:
    return site.security.keys, site.security.insecure


def _taken_over(site: Site, name: str) -> object:
    """What a running node takes over without a restart."""
    section = next(node.section for node in nodes(site) if node.name == name)
    if isinstance(section, Broker):
        seen = as_seen_by(site, name)
        everyone = [(node.kind, node.name) for node in nodes(seen)]
        views = [(n, select(seen, s.cameras)) for n, s in _consumers(seen)]
        taken = [(n, c) for n, c in seen.cameras.items() if isinstance(c, UpstreamCamera)]
        return sorted(seen.cameras), taken, seen.upstream, everyone, views, site.security.access
    if isinstance(section, Recorder | Motion | Web):
        return set(select(site, section.cameras))
    return None


def _consumers(site: Site) -> Iterator[tuple[str, Recorder | Motion | Web]]:
    for node in nodes(site):
        if isinstance(node.section, Recorder | Motion | Web):
            yield node.name, node.section


def _changes(old: Site, new: Site, shown: tuple[object, object]) -> tuple[SiteChange, ...]:
    before = _Side(plain(old, lambda _kind, _path, value: value), shown[0])
    after = _Side(plain(new, lambda _kind, _path, value: value), shown[1])
    return tuple(_compare(before, after, ()))


@dataclass(frozen=True, slots=True)
class _Side:
    real: Any  # to be compared
    shown: Any  # with secrets masked

    def __getitem__(self, name: str) -> _Side:
        return _Side(self.real[name], self.shown[name])


def _compare(old: _Side, new: _Side, path: tuple[str, ...]) -> Iterator[SiteChange]:
    if not (isinstance(old.real, dict) and isinstance(new.real, dict)):
        if old.real != new.real:
            yield SiteChange(dotted(path), old.shown, new.shown, "changed")
        return
    for name in {**old.real, **new.real}:
        child = (*path, name)
        if name not in old.real:
            yield SiteChange(dotted(child), None, new[name].shown, "added")
        elif name not in new.real:
            yield SiteChange(dotted(child), old[name].shown, None, "removed")
        else:
            yield from _compare(old[name], new[name], child)
