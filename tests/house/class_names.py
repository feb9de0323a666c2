"""Print class names that stand for more than one class of the five packages.

python tests/house/class_names.py
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "config/camfan_config",
    "broker/camfan_wire",
    "broker/camfan_broker",
    "nodes/camfan",
    "nodes/camfan_nodes",
)


def main() -> int:
    doubled = doubled_names()
    for name, places in doubled.items():
        sys.stdout.write(f"{name}: {', '.join(places)}\n")
    return 1 if doubled else 0


def doubled_names() -> dict[str, list[str]]:
    """Names without a leading `_`, and the places of their classes."""
    places: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ClassDef):
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    places[node.name.lstrip("_")].append(place)
    return {name: found for name, found in sorted(places.items()) if len(found) > 1}


if __name__ == "__main__":
    sys.exit(main())
