"""Print the import graph of the five packages in numbers: packages, levels, arrows, cycles.

    python tests/house/import_graph.py

A room is a folder of modules; a module that lies directly in a package is a room of its own. An
arrow is one room that imports another. The level of a room is the longest way down from it.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from functools import cache

import grimp

PACKAGES = ("camfan_config", "camfan_wire", "camfan_broker", "camfan", "camfan_nodes")
Arrows = dict[str, set[str]]


def main() -> int:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    _print_row("package", "modules", "rooms", "levels", "arrows", "cycles")
    for package in PACKAGES:
        modules = {m for m in graph.modules if m.startswith(f"{package}.")}
        arrows = arrows_of(graph, package)
        cycles = [room for room in arrows if room in reachable(arrows, room)]
        rooms = {room_of(module, package) for module in modules}
        levels = 0 if cycles else depth(arrows)
        _print_row(package, len(modules), len(rooms), levels, _count(arrows), len(cycles))
    return 0


def room_of(module: str, package: str) -> str:
    """Name of the room of a module: its first part below the package."""
    return module.removeprefix(f"{package}.").partition(".")[0]


def arrows_of(graph: grimp.ImportGraph, package: str) -> Arrows:
    """Rooms of a package, and the rooms that each of them imports."""
    arrows: Arrows = defaultdict(set)
    for module in graph.modules:
        if not module.startswith(f"{package}."):
            continue
        room = room_of(module, package)
        for imported in graph.find_modules_directly_imported_by(module):
            other = room_of(imported, package)
            if imported.startswith(f"{package}.") and other != room:
                arrows[room].add(other)
    return dict(arrows)


def reachable(arrows: Arrows, start: str) -> set[str]:
    """Rooms that are imported from `start`, directly or not."""
    found: set[str] = set()
    waiting = list(arrows.get(start, ()))
    while waiting:
        room = waiting.pop()
        if room not in found:
            found.add(room)
            waiting += arrows.get(room, ())
    return found


def depth(arrows: Arrows) -> int:
    """Number of levels of an acyclic graph."""

    @cache
    def below(room: str) -> int:
        return 1 + max((below(other) for other in arrows.get(room, ())), default=0)

    return max((below(room) for room in arrows), default=1)


def _count(arrows: Arrows) -> int:
    return sum(len(others) for others in arrows.values())


def _print_row(*cells: object) -> None:
    sys.stdout.write("{:<16}{:>9}{:>7}{:>8}{:>8}{:>8}\n".format(*cells))


if __name__ == "__main__":
    sys.exit(main())
