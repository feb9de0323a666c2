"""The benchmarks of camfan: `make bench`, or `python tests/bench [NAME …]`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from rich.console import Console  # noqa: E402 - the path first

from camfan_bench.docs import quote, write_docs  # noqa: E402
from camfan_bench.machine import describe_machine  # noqa: E402
from camfan_bench.model import Result, measures_of  # noqa: E402
from camfan_bench.report import entry_of, line_of, table_of, to_json  # noqa: E402
from camfan_bench.runner import run_benchmark  # noqa: E402
from camfan_bench.subjects import all_benchmarks, select  # noqa: E402

USAGE = 64


def main() -> int:
    args = _parser().parse_args()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    if args.quote:
        print(quote(json.loads(args.json.read_text(encoding="utf-8"))), end="")
        return 0
    known = all_benchmarks()
    wanted = select(known, [pattern for name in args.names for pattern in name.split()])
    if args.list or not wanted:
        lines = "\n".join(m.name for m in measures_of(known if args.list else []))
        missing = f"no benchmark is called {' '.join(args.names)}; --list shows them all"
        (console if args.list else Console(stderr=True)).print(lines or missing)
        return 0 if args.list else USAGE
    begun = time.monotonic()
    results: list[Result] = []
    with console.status("starting") as status:
        for benchmark in wanted:
            runs = args.runs or benchmark.runs
            for result in run_benchmark(benchmark, runs, status.update, length=args.length):
                results.append(result)
                console.print(line_of(result))
            args.json.write_text(to_json(results), encoding="utf-8")  # an interrupt loses nothing
    console.print()
    console.print(table_of(results))
    if args.docs:
        write_docs([entry_of(result) for result in results], describe_machine(), args.docs)
    console.print(f"\n{time.monotonic() - begun:.0f} s; every run is in {args.json}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench",
        description="Measures camfan beside yardsticks, in alternating runs, on this machine.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="fanout, fanout/*, curve/100KB/4")
    parser.add_argument("--list", action="store_true", help="say what can be measured")
    parser.add_argument("--runs", type=int, metavar="N", help="pairs of runs of each")
    parser.add_argument(
        "--length",
        type=float,
        default=1.0,
        metavar="X",
        help="of each run: 3 is three times as long",
    )
    parser.add_argument("--json", type=Path, default=Path("bench.json"), metavar="FILE")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="write tables and plots there")
    parser.add_argument("--quote", action="store_true", help="print the README's lines from --json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
