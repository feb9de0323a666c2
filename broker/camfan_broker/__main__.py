"""`broker`, and `python -m camfan_broker`."""

import sys

from camfan_wire.terminal import leaving_at_once


def main() -> int:
    with leaving_at_once():
        from camfan_broker.cli import main as run
    return run()


if __name__ == "__main__":
    sys.exit(main())
