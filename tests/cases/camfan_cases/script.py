"""Run one script of ../shared/cases as its own program: `script.py FILE`.

The scripts cannot be changed here, and give a Subscriber its mode as the third argument, which was
replaced by Subscriber.latest and Subscriber.every. Only in this process their call still works.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import camfan

Subscriber = camfan.Subscriber


def subscribe(site: str, cameras: Any = None, mode: str = "latest", **options: Any) -> object:
    """What the scripts call."""
    return getattr(Subscriber, mode)(site, cameras, **options)


if __name__ == "__main__":
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    camfan.Subscriber = subscribe  # type: ignore[assignment, misc]  # as the text above says
    runpy.run_path(sys.argv[0], run_name="__main__")
