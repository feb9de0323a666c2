"""The fault scenarios, as long as one likes: `make faults`, or this file with `--kills 100`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from camfan_faults.demanding import come_and_go  # noqa: E402 - the path first
from camfan_faults.killing import kill_at_random  # noqa: E402
from camfan_faults.ledger import Account  # noqa: E402
from camfan_faults.links import cut_link, repair_over_a_thin_link  # noqa: E402
from camfan_faults.net import NoNamespacesError, namespaces, relays  # noqa: E402
from camfan_faults.outage import broker_outage  # noqa: E402
from camfan_faults.rubbish import throw_rubbish  # noqa: E402
from camfan_faults.stopping import stop_subscribers  # noqa: E402


def main() -> int:
    args = _parser().parse_args()
    chosen = {name: value for name, value in vars(args).items() if value is not None}
    seed = chosen.pop("seed")
    if not chosen:
        chosen = {"kills": 100, "outage": 60.0, "cut": 30.0, "thin": 10.0, "stop": 60.0}
        chosen |= {"rubbish": 140, "demand": 20.0}
    for name, value in chosen.items():
        print(f"{name} {value:g}", flush=True)
        with TemporaryDirectory(prefix="camfan-faults-") as folder:
            SCENARIOS[name](Path(folder), value, seed)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make faults",
        description="Breaks a running site, and proves that every picture is accounted for.",
    )
    add = parser.add_argument
    add("--kills", type=int, metavar="N", help="SIGKILLs over broker, recorder and subscribers")
    add("--camera-kills", type=int, metavar="N", help="SIGKILLs over cameras, broker and recorder")
    add("--outage", type=float, metavar="S", help="seconds without a broker")
    add("--disk-outage", type=float, metavar="S", help="and a camera is killed in the middle of it")
    add("--cut", type=float, metavar="S", help="seconds without the links to camera and recorder")
    add("--thin", type=float, metavar="S", help="seconds to repair over a link of 8 Mbit/s")
    add("--stop", type=float, metavar="S", help="seconds that 16 subscribers are stopped")
    add("--rubbish", type=int, metavar="N", help="connections with garbage on each port")
    add("--demand", type=float, metavar="S", help="seconds without viewers")
    add("--seed", type=int, default=1, help="of what happens at random")
    return parser


def _show(accounts: Mapping[str, Account]) -> None:
    for name, account in accounts.items():
        print(f"  {name:14} {account}")


def _kills(folder: Path, kills: float, seed: int) -> None:
    _show(kill_at_random(folder, int(kills), seed))


def _camera_kills(folder: Path, kills: float, seed: int) -> None:
    _show(kill_at_random(folder, int(kills), seed, ("one", "broker", "two", "archive")))


def _outage(folder: Path, seconds: float, _: int) -> None:
    _show((done := broker_outage(folder, seconds)).accounts)
    print(f"  viewers had a frame {done.back_s:.2f} s after the return, {done.newer_s:.3f} s old")


def _disk_outage(folder: Path, seconds: float, _: int) -> None:
    ring = f"{{memory: 1MB, disk: 1GB, path: {folder / 'rings'}}}"
    _show(broker_outage(folder, seconds, {"one": ring}, kill="one").accounts)


def _cut(folder: Path, seconds: float, _: int) -> None:
    for hosts in (("pi",), ("nas",)):
        part = folder / hosts[0]
        part.mkdir()
        try:
            with namespaces() as net:
                done, how = cut_link(part, net, hosts, seconds), net.how
        except NoNamespacesError as exc:
            with relays() as other:
                done, how = cut_link(part, other, hosts, seconds), f"{other.how}, for {exc}"
        print(f"  {hosts[0]}, by {how}: live again {done.back_s:.2f} s after the return")
        _show(done.accounts)


def _thin(folder: Path, seconds: float, _: int) -> None:
    with namespaces() as net:
        done = repair_over_a_thin_link(folder, net, seconds)
    _show(done.accounts)
    ages = [done.before, done.before_p99, done.meanwhile, done.meanwhile_p99]
    print(
        "  age p50, p99 before: {:.3f}, {:.3f} s; while repairing: {:.3f}, {:.3f} s".format(*ages)
    )
    print(f"  repaired in {done.repair_s:.1f} s, while {done.live} live frames came")


def _stop(folder: Path, seconds: float, _: int) -> None:
    done = stop_subscribers(folder, 16, seconds)
    _show(done.accounts)
    print(f"  broker at most {done.most_bytes / 1e6:.0f} MB of 128 MB; {done.stale} stale frames")


def _rubbish(folder: Path, connections: float, seed: int) -> None:
    _show(throw_rubbish(folder, int(connections), seed))


def _demand(folder: Path, seconds: float, _: int) -> None:
    done = come_and_go(folder, seconds)
    print(f"  {done.idle_share:.1%} of the pictures were made while the camera was unwatched")
    print(f"  a newcomer had one after {done.first_s:.3f} s, every one after {done.full_s:.3f} s")


SCENARIOS: dict[str, Callable[[Path, float, int], None]] = {
    "kills": _kills,
    "camera_kills": _camera_kills,
    "outage": _outage,
    "disk_outage": _disk_outage,
    "cut": _cut,
    "thin": _thin,
    "stop": _stop,
    "rubbish": _rubbish,
    "demand": _demand,
}

if __name__ == "__main__":
    sys.exit(main())
