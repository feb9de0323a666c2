"""A large site for minutes: `make soak`, or `python tests/bench/soak.py [--minutes N]`.

64 cameras of 10 frames a second, 50 KB each; two readers of mode `latest`, two of `every`. At the
end: memory and open files of all processes are flat, and all accounts add up: for each camera what
it numbered is what the broker received, was spared and lost; for each reader of `every` each
sequence came once, in order, or as a gap; for each reader the broker's delivered, skipped,
lost and held are together what the cameras numbered.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from rich.console import Console  # noqa: E402 - the path first
from rich.table import Table  # noqa: E402

from camfan import Frame, Subscriber  # noqa: E402
from camfan_bench.rig import bench_site, start  # noqa: E402
from camfan_bench.vitals import MEGABYTE, Vitals, watch  # noqa: E402
from camfan_testing.processes import Process, running_broker  # noqa: E402
from camfan_wire.figures import AccountFigures, BrokerFigures  # noqa: E402
from camfan_wire.messages import Status  # noqa: E402

PROCESSES = 4  # that the cameras are spread over
READERS = {"latest-1": "latest", "latest-2": "latest", "every-1": "every", "every-2": "every"}
SETTLED = 0.4  # share of the time after which memory must be flat: rings are full by then
MEMORY = "256MB"
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    vitals: Mapping[str, Vitals]
    numbered: Mapping[str, int]  # by camera, as the cameras say
    read: Mapping[str, Any]  # by reader, what it said at its end
    status: Status  # of the broker, when everything had been delivered


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--cameras", type=int, default=64)
    parser.add_argument("--fps", type=float, default=10)
    parser.add_argument("--bytes", type=int, default=50_000, help="of a frame")
    args = parser.parse_args()
    console = Console(highlight=False)
    outcome = run(args, console)
    console.print(_table(outcome))
    complaints = complaints_of(outcome)
    for complaint in complaints:
        console.print(complaint, style="red")
    if not complaints:
        frames = sum(outcome.numbered.values())
        console.print(f"flat, and the accounts of {frames:,} frames add up", style="green")
    return 1 if complaints else 0


def run(args: argparse.Namespace, console: Console) -> Outcome:
    with TemporaryDirectory(prefix="camfan-soak-") as folder, ExitStack() as stack:
        site = bench_site(Path(folder), args.cameras, memory=MEMORY)
        path = str(site.path)
        broker = stack.enter_context(running_broker(site.path))
        readers = {
            name: stack.enter_context(start("crowd", "reader", path, name, mode))
            for name, mode in READERS.items()
        }
        board = stack.enter_context(Subscriber(path, [], statuses=True, name="soak"))
        _await_status(board, lambda s: READERS.keys() <= _figures(s).subscribers.keys())
        share = -(-args.cameras // PROCESSES)
        cameras = {
            f"cameras-{first}": stack.enter_context(
                start(
                    "crowd",
                    "cameras",
                    path,
                    str(first),
                    str(min(share, args.cameras - first)),
                    str(args.fps),
                    str(args.bytes),
                )
            )
            for first in range(0, args.cameras, share)
        }
        for process in cameras.values():
            process.wait_for("publishing")
        processes = {"broker": broker, **readers, **cameras}
        with console.status("starting") as line:

            def tell(passed: float, vitals: Mapping[str, Vitals]) -> None:
                line.update(_progress(passed, args.minutes * 60, board, vitals["broker"]))

            vitals = watch(processes, args.minutes * 60, tell)
        numbered: dict[str, int] = {}
        for process in cameras.values():
            process.send(signal.SIGTERM)
        for process in cameras.values():
            process.wait(60)
            numbered.update(_last_line(process))
        end = board.site_ns()
        status = _await_status(board, lambda s: s.time > end and not _held(s))
        for process in readers.values():
            process.stop()
        read = {name: _last_line(process) for name, process in readers.items()}
        return Outcome(vitals, numbered, read, status)


def complaints_of(outcome: Outcome) -> list[str]:
    """Everything that is not as it should be, in words."""
    found = [v.complaint(name, SETTLED) for name, v in outcome.vitals.items()]
    complaints = [words for words in found if words]
    for camera, numbered in outcome.numbered.items():
        figures = _figures(outcome.status).cameras[camera]
        parts = {key: getattr(figures, key) for key in ("received", "unwanted", "lost")}
        if sum(parts.values()) != numbered:
            complaints.append(f"{camera}: numbered {numbered}, and the broker has {parts}")
    total = sum(outcome.numbered.values())
    for name, mode in READERS.items():
        account = _account(outcome.status, name)
        parts = {
            "delivered": account.delivered,
            "skipped": sum(account.skipped.values()),
            "lost": sum(account.lost.values()),
            "held": account.held,
        }
        if sum(parts.values()) != total:
            complaints.append(f"{name}: {total} numbered, and the broker has {parts}")
        if parts["held"]:
            complaints.append(f"{name}: {parts['held']} frames are held, and do not come")
        complaints += _reader_complaints(name, mode, parts["delivered"], outcome)
    return complaints


def _reader_complaints(name: str, mode: str, delivered: int, outcome: Outcome) -> list[str]:
    read = outcome.read[name]
    complaints = [f"{name}: {words}" for words in read["wrong"]]
    had = sum(read["frames"].values())
    if had + read["replaced"] != delivered:
        replaced = f"{read['replaced']} more were replaced by newer ones"
        complaints.append(f"{name}: it had {had} frames, {replaced}, {delivered} were delivered")
    if mode == "every":
        for camera, numbered in outcome.numbered.items():
            frames = read["frames"].get(camera, 0), read["missing"].get(camera, 0)
            if sum(frames) != numbered:
                complaints.append(f"{name}, {camera}: {numbered} numbered, received {frames}")
    return complaints


def _await_status(board: Subscriber[Frame], condition: Callable[[Status], bool]) -> Status:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        status = board.statuses.get("broker")
        if status is not None and condition(status):
            return status
        if time.monotonic() > deadline:
            if status is None or not _figures(status).subscribers:
                raise RuntimeError("the broker says nothing, or its readers did not come")
            return status  # the accounts tell what is wrong
        time.sleep(0.1)


def _figures(status: Status) -> BrokerFigures:
    return status.broker or BrokerFigures()


def _held(status: Status) -> int:
    return sum(_account(status, name).held for name in READERS)


def _account(status: Status, reader: str) -> AccountFigures:
    return _figures(status).subscribers[reader].account or AccountFigures()


def _last_line(process: Process) -> Any:
    try:
        return json.loads(process.lines[-1])
    except (IndexError, ValueError):
        raise RuntimeError(f"a process ended badly:\n{process.output}") from None


def _progress(passed: float, whole: float, board: Subscriber[Frame], broker: Vitals) -> str:
    figures = _figures(board.statuses["broker"])
    fps = sum(camera.fps or 0.0 for camera in figures.cameras.values())
    memory = broker.memory[-1] / MEGABYTE
    return (
        f"{passed:.0f} of {whole:.0f} s: {fps:.0f} frames/s in; broker {memory:.0f} MB,"
        f" {broker.files[-1]} open files"
    )


def _table(outcome: Outcome) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("process", "memory at most", "growth", "open files", "growth"):
        table.add_column(heading, justify="left" if heading == "process" else "right")
    for name, vitals in outcome.vitals.items():
        memory, files = vitals.growth(SETTLED)
        table.add_row(
            name,
            f"{max(vitals.memory) / MEGABYTE:.0f} MB",
            f"{memory / MEGABYTE:+.1f} MB",
            str(max(vitals.files)),
            f"{files:+d}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
