"""Run the cases of ../shared/cases against this checkout: `run_cases.py [NAME ...]`.

Exits with 0 if each has the right result, 1 if one has not, 77 if the cases are not there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from camfan_cases.judges import CASES, Case

FOLDER = Path(__file__).parents[2].parent / "shared" / "cases"
PATIENCE_S = 240.0  # the slowest case takes 80 s on two idle cores


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="run_cases.py", description=__doc__)
    parser.add_argument("names", nargs="*", help="run only cases whose script contains this text")
    parser.add_argument("--verbose", action="store_true", help="print what each script prints")
    arguments = parser.parse_args(argv)
    if not FOLDER.is_dir():
        print(f"{FOLDER} is missing: there are no cases to run", file=sys.stderr)
        return 77
    chosen = [case for case in CASES if _is_named(case, arguments.names)]
    wrong = sum(not _report(case, verbose=arguments.verbose) for case in chosen)
    print(f"{len(chosen) - wrong} of {len(chosen)} right")
    return 1 if wrong or not chosen else 0


def _is_named(case: Case, names: list[str]) -> bool:
    return not names or any(name in case.script for name in names)


def _report(case: Case, *, verbose: bool) -> bool:
    print(f"{case.script:40}", end=" ", flush=True)
    if case.needs and not Path(case.needs).exists():
        print(f"not run: {case.needs} is missing")
        return True
    output = _run(case)
    faults = case.judge(output)
    print("right" if not faults else "WRONG")
    for fault in faults:
        print("   ", fault)
    if verbose:
        print(output)
    return not faults


def _run(case: Case) -> str:
    """What the script prints, in an empty folder that goes away."""
    script = FOLDER / case.script
    with tempfile.TemporaryDirectory(prefix="camfan-case-") as folder:
        environment = {
            **os.environ,
            **case.environment,
            "CAMFAN_BIN": str(Path(sys.executable).parent),
            "PORT_BASE": str(20_000 + os.getpid() % 100 * 60),  # two runs at once do not meet
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": folder,
        }
        try:
            done = subprocess.run(
                [sys.executable, str(script)],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"the script did not end within {PATIENCE_S:.0f} s"
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
