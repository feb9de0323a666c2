"""Feeds one parser with inputs that atheris makes up, guided by the code they reach.

    make fuzz PARSER=frame RUNS=1000000

Anything raised, more than 1 s of computing for one input, or more than 1 GB of memory ends the run
with an error and leaves the input behind as a file. `README.md` says how long it has run so far.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import atheris

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))

with atheris.instrument_imports(include=["camfan_wire", "camfan_config", "camfan_testing"]):
    from camfan_testing.parsers import PARSERS

HANG_S = 1.0  # of computing; wall time includes that of other programs on the machine
LIMITS = ["-timeout=60", "-rss_limit_mb=1024", "-print_final_stats=1", "-max_len=8192"]


def main() -> None:
    parser, *options = sys.argv[1:]
    found = HERE.parents[1] / ".fuzz" / parser  # what it makes up and finds worth keeping
    found.mkdir(parents=True, exist_ok=True)
    folders = [str(found), str(HERE / "corpus" / parser)]
    atheris.Setup([sys.argv[0], *LIMITS, *options, *folders], timed(PARSERS[parser]))
    atheris.Fuzz()


def timed(parse: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """The same, that does not take a hang for an answer."""

    def parse_in_time(data: bytes) -> None:
        started = time.process_time()
        parse(data)
        took = time.process_time() - started
        if took > HANG_S:
            raise TimeoutError(f"{took:.2f} s for {len(data)} bytes")

    return parse_in_time


if __name__ == "__main__":
    main()
