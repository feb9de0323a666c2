"""Feeds one parser with inputs that atheris makes up, guided by the code they reach.

    make fuzz PARSER=frame RUNS=1000000

Anything raised, more than 1 s for one input, or more than 1 GB of memory ends the run with an
error and leaves the input behind as a file. `README.md` says how long it has run so far.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))

with atheris.instrument_imports(include=["camfan_wire", "camfan_config", "camfan_testing"]):
    from camfan_testing.parsers import PARSERS

LIMITS = ["-timeout=1", "-rss_limit_mb=1024", "-print_final_stats=1", "-max_len=8192"]


def main() -> None:
    parser, *options = sys.argv[1:]
    found = HERE.parents[1] / ".fuzz" / parser  # what it makes up and finds worth keeping
    found.mkdir(parents=True, exist_ok=True)
    folders = [str(found), str(HERE / "corpus" / parser)]
    atheris.Setup([sys.argv[0], *LIMITS, *options, *folders], PARSERS[parser])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
