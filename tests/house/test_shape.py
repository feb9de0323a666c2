"""The shape of the five packages: names of classes, length of modules, imports without cycles."""

from __future__ import annotations

from pathlib import Path

import grimp

from class_names import PACKAGES, doubled_names
from import_graph import PACKAGES as IMPORTED
from import_graph import arrows_of, reachable

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
LONGER = frozenset(
    {
        "broker/camfan_wire/messages.py",
        "nodes/camfan/publisher.py",
        "nodes/camfan_nodes/recorder/storage.py",
    }
)


def test_each_class_has_a_name_of_its_own() -> None:
    """So that a stack trace and a search mean one thing."""
    assert doubled_names() == {}


def test_no_module_is_too_long() -> None:
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    long = {
        str(path.relative_to(ROOT)): lines
        for path in modules
        if (lines := len(path.read_text("utf-8").splitlines())) > MOST_LINES
    }

    assert len(modules) > 300
    assert long.keys() <= LONGER


def test_rooms_import_each_other_without_cycles() -> None:
    graph = grimp.build_graph(*IMPORTED, cache_dir=None)

    for package in IMPORTED:
        arrows = arrows_of(graph, package)
        assert [room for room in arrows if room in reachable(arrows, room)] == []
