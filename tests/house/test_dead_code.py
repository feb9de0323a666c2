"""All that is written is used: by the programs themselves, and not by tests only."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("config", "broker", "nodes", "deploy", "docs")
LOOKED_AT = frozenset({"function", "method", "class", "property", "attribute", "import"})
USED_BY_NAME = (
    "add_*_command",  # the table of commands in `camfan_nodes/cli.py`
    "*_recordings",
    "plan_deletions",  # the table of commands in `recordings/cli_recordings.py`
    "__getattr__",
)
CALLED_BY_LIBRARIES = frozenset(
    {"collect", "do_HEAD", "handle_error", "handleError", "ignore_aliases", "log_message"}
)
SET_ON_LIBRARIES = frozenset(
    {
        *("curve_publickey", "curve_secretkey", "curve_server", "curve_serverkey", "ipv6"),
        *("linger", "rcvhwm"),  # of ZeroMQ
        *("gop_size", "pict_type", "pix_fmt", "thread_count", "thread_type"),  # of PyAV
    }
)
PUBLIC = frozenset({"publish_image"})  # of the library
KEPT = frozenset(
    {
        "completeness",  # the account of a recorder, with which tests prove that nothing is missing
        "_agreeing",  # a task that its event loop holds by a weak reference only
        "read_number",  # stands beside `draw_number`; programs of users and tests read with it
    }
)
KNOWN = CALLED_BY_LIBRARIES | SET_ON_LIBRARIES | PUBLIC | KEPT


def test_nothing_is_unused() -> None:
    core = pytest.importorskip("vulture.core", reason="vulture is not installed; it is a dev tool")
    vulture = core.Vulture()
    vulture.scavenge([ROOT / folder for folder in CODE])

    unused = [
        f"{item.filename.relative_to(ROOT)}:{item.first_lineno}: {item.typ} {item.name}"
        for item in vulture.get_unused_code(min_confidence=60)
        if item.typ in LOOKED_AT
        and item.name not in KNOWN
        and not any(fnmatchcase(item.name, pattern) for pattern in USED_BY_NAME)
    ]

    assert unused == []
