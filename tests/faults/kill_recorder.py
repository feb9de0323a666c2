"""SIGKILL of the recorder, as often as one likes: `kill_recorder.py --kills 200 --seed 1`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from camfan_faults.recorder_kills import kill_recorder  # noqa: E402 - the path first


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Kills a recorder at random moments, and proves that no frame is lost, "
        "doubled or changed, that every file plays, and that clips and protection hold."
    )
    parser.add_argument("--kills", type=int, default=200, metavar="N")
    parser.add_argument("--cameras", type=int, default=8, metavar="N", help="at least 3")
    parser.add_argument("--seed", type=int, default=1, help="of what happens at random")
    args = parser.parse_args()
    with TemporaryDirectory(prefix="camfan-kills-") as folder:
        found = kill_recorder(
            Path(folder),
            args.kills,
            args.seed,
            cameras=args.cameras,
            say=lambda text: print(text, flush=True),
        )
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
