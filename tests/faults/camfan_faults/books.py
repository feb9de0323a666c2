"""What everybody says of itself, held against what was really captured and told.

`python -m camfan_faults.books SITE NODE …` prints the statuses of these nodes as one line of JSON.
"""

from __future__ import annotations

import sys
import time

import msgspec

from camfan import Subscriber
from camfan_wire.messages import Status

FRESH_S = 2.6  # a status comes every 2 s: after this, none is of before


def statuses(site: str, nodes: list[str], patience_s: float = 20.0) -> dict[str, Status]:
    """The statuses of these nodes, none older than this call."""
    end = time.monotonic() + FRESH_S
    with Subscriber(site, [], statuses=True, name="books") as reader:
        while time.monotonic() < end or not set(nodes) <= set(reader.statuses):
            assert time.monotonic() < end + patience_s, f"no status of {nodes}"
            time.sleep(0.05)
        return reader.statuses


if __name__ == "__main__":
    found = statuses(sys.argv[1], sys.argv[2:])
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
