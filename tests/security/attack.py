"""Attack a running site with a valid key: `attack.py NAME SITE.YAML --key NAME [--seconds N]`.

The site file must have `keys:` with the secret key of NAME beside the public ones, and its broker
must listen on 127.0.0.1. For a site of your own only: it tries to make the broker suffer.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from camfan_config import SiteError, load_site
from camfan_testing.attacks import ATTACKS, Target


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="attack.py", description=__doc__)
    parser.add_argument("attack", choices=sorted(ATTACKS))
    parser.add_argument("site", type=Path, metavar="SITE.YAML")
    parser.add_argument("--key", required=True, metavar="NAME", help="whose key attacks")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long at most")
    arguments = parser.parse_args(argv)
    try:
        site = load_site(arguments.site)
    except SiteError as exc:
        sys.stderr.write(f"{exc}\n")
        return 78
    _yield_processor()
    stop = threading.Event()
    timer = threading.Timer(arguments.seconds, stop.set)
    timer.start()
    try:
        done = ATTACKS[arguments.attack](Target(site, arguments.key, stop))
    finally:
        timer.cancel()
    print(f"{arguments.attack} with the key of {arguments.key}: {done}")
    return 0


def _yield_processor() -> None:
    """It attacks the broker's work, and not the processor that it shares with the broker here.

    Where the kernel shares time among sessions first, the session is what has to yield.
    """
    os.nice(19)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # a kernel without such groups
            Path("/proc/self/autogroup").write_text("19")


if __name__ == "__main__":
    sys.exit(main())
