"""The processes of a scenario, each of which can be killed and started again."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from camfan.recording.queries import IndexReader
from camfan_faults.log import Received, Run, read_received, read_runs
from camfan_testing.live import wait_until
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process

HERE = Path(__file__).resolve().parents[1]  # tests/faults
PATH = os.pathsep.join((str(HERE), str(HERE.parent / "support")))
SETTLE_S = 120.0
START_S = 90.0  # for a process; an emulated machine is ten times slower

Prefix = Sequence[str]  # what a command is started through: a network namespace


class Rig:
    """One site and its processes by name: `broker`, cameras, recorders, readers."""

    def __init__(
        self, folder: Path, sections: str, *, host: str = "127.0.0.1", memory: str = "64MB"
    ) -> None:
        self.folder = folder
        self.host = host
        self.ports = dict(zip(("ingest", "fanout", "delivery", "http"), free_ports(4), strict=True))
        self.sections = sections
        self.memory = memory
        self.site = self.write_site("site.yaml", self.ports)
        self.processes: dict[str, Process] = {}
        self._commands: dict[str, tuple[list[str], str]] = {}
        self._stack = ExitStack()

    def write_site(self, name: str, ports: dict[str, int], host: str | None = None) -> Path:
        """The site as seen by a client that reaches the broker at these ports."""
        path = self.folder / name
        http = self.ports["http"]
        path.write_text(
            f"version: 1\nsite: faults\nbroker:\n  host: {host or self.host}\n"
            f"  ports: {{ingest: {ports['ingest']}, fanout: {ports['fanout']},"
            f" delivery: {ports['delivery']}}}\n"
            f"  http: 127.0.0.1:{http}\n  memory: {self.memory}\n{self.sections}\n",
            encoding="utf-8",
        )
        return path

    def broker(self, through: Prefix = ()) -> Process:
        command = [sys.executable, "-m", "camfan_broker", "--config", str(self.site)]
        return self._first("broker", [*through, *command], "ingest tcp://")

    def camera(
        self,
        name: str,
        *,
        site: Path | None = None,
        fps: float = 15,
        size: int = 20_000,
        through: Prefix = (),
    ) -> Process:
        log = str(self.folder / f"{name}.camera")
        words = [str(site or self.site), name, log, "--fps", str(fps), "--bytes", str(size)]
        command = [*through, sys.executable, "-m", "camfan_faults.camera", *words]
        return self._first(name, command, "takes pictures")

    def node(self, kind: str, name: str, *, site: Path | None = None, says: str = "") -> Process:
        """`camfan <kind>`; `says`: what it writes when it is up."""
        command = [sys.executable, "-m", "camfan_nodes", kind]
        return self._first(name, [*command, "--config", str(site or self.site), name], says)

    def recorder(self, name: str, *, site: Path | None = None, through: Prefix = ()) -> Process:
        command = [*through, sys.executable, "-m", "camfan_nodes", "recorder"]
        return self._first(name, [*command, "--config", str(site or self.site), name], "")

    def reader(
        self,
        name: str,
        *,
        mode: str = "every",
        site: Path | None = None,
        cameras: Sequence[str] = (),
        through: Prefix = (),
    ) -> Process:
        words = [
            str(site or self.site),
            str(self.folder / f"{name}.log"),
            name,
            "--mode",
            mode,
        ]
        words += ["--cameras", *cameras] if cameras else []
        command = [*through, sys.executable, "-m", "camfan_faults.reader", *words]
        return self._first(name, command, "reads")

    def kill(self, name: str) -> None:
        self.processes[name].stop(signal.SIGKILL)

    def start(self, name: str, *, wait: bool = True) -> Process:
        """Start what was killed once more, as it was."""
        command, says = self._commands[name]
        process = self._stack.enter_context(Process(command, env={"PYTHONPATH": PATH}))
        self.processes[name] = process
        if wait and says:
            process.wait_for(says, START_S)
        return process

    def ready(self, name: str) -> None:
        """Wait until it is up."""
        says = self._commands[name][1]
        if says:
            self.processes[name].wait_for(says, START_S)

    def stop(self, *names: str) -> None:
        """End in an orderly way, in this order."""
        for name in names:
            code = self.processes[name].stop()
            assert code == 0, f"{name} ended with {code}:\n{self.processes[name].output}"

    def rest(self, *cameras: str) -> None:
        """They take no more pictures, and stay."""
        for name in cameras:
            self.processes[name].send(signal.SIGUSR1)
        for name in cameras:
            self.processes[name].wait_for("rests after", START_S)

    def runs(self, camera: str) -> list[Run]:
        return read_runs(self.folder / f"{camera}.camera")

    def captured(self, camera: str) -> int:
        """Of its present life."""
        runs = self.runs(camera)
        return len(runs[-1].checksums) if runs else 0

    def received(self, reader: str, camera: str) -> list[Received]:
        items = read_received(self.folder / f"{reader}.log")
        return [item for item in items if item.camera == camera]

    def wait_captured(self, camera: str, more: int) -> None:
        """Until it has taken this many more pictures."""
        end = self.captured(camera) + more
        wait_until(lambda: self.captured(camera) >= end, SETTLE_S + more)

    def wait_received(self, reader: str, *cameras: str) -> None:
        """Until a reader in mode `every` knows all that resting cameras have."""

        def there() -> bool:
            return all(self._has_received(reader, camera) for camera in cameras)

        wait_until(there, SETTLE_S)

    def wait_recorded(self, recorder: str, *cameras: str) -> None:
        """Until a recorder has indexed all that resting cameras have."""
        ends = {c: (self.runs(c)[-1].run, self.captured(c) - 1) for c in cameras}

        def there() -> bool:
            had = self.recorded_to(recorder)
            return all(had.get(camera) == end for camera, end in ends.items())

        wait_until(there, SETTLE_S)

    def wait_recorded_to(self, recorder: str, camera: str, sequence: int) -> None:
        wait_until(
            lambda: self.recorded_to(recorder).get(camera, ("", -1))[1] == sequence, SETTLE_S
        )

    def recorded_to(self, recorder: str) -> dict[str, tuple[str, int]]:
        """How far the index of a recorder is that is at work, by camera."""
        path = self.folder / recorder / "index.sqlite"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            found = IndexReader(database).positions()
        return {camera: (place.run, place.sequence) for camera, place in found.items()}

    def _has_received(self, reader: str, camera: str) -> bool:
        runs, received = self.runs(camera), self.received(reader, camera)
        end = (runs[-1].run, len(runs[-1].checksums) - 1)
        return bool(received) and (received[-1].run, received[-1].last) == end

    def metrics(self) -> dict[tuple[str, ...], float]:
        """The broker's figures: by name and labels."""
        url = f"http://127.0.0.1:{self.ports['http']}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def prove_books(self, reader: str, camera: str) -> None:
        """At rest, the broker's figures say what the camera numbered and what the reader got.

        For a broker that has seen all of both.
        """
        found, received = self.metrics(), self.received(reader, camera)

        def of_camera(name: str) -> float:
            return found[f"camfan_camera_{name}_frames_total", camera]

        def of_reader(name: str) -> float:
            return sum(v for key, v in found.items() if key[0] == name and reader in key[1:])

        frames = [item for item in received if item.reason is None]
        parts = sum(of_camera(name) for name in ("received", "unwanted", "lost"))
        books = {
            "last": found["camfan_camera_last_sequence", camera],
            "numbered": of_camera("numbered"),
            "received + unwanted + lost": parts,
            "delivered": of_reader("camfan_subscriber_delivered_frames_total"),
            "held": of_reader("camfan_subscriber_held_frames"),
            "lost": of_reader("camfan_subscriber_lost_frames_total"),
        }
        numbered = self.captured(camera) - received[0].first
        assert books == {
            "last": self.captured(camera) - 1,
            "numbered": numbered,
            "received + unwanted + lost": numbered,
            "delivered": len(frames),
            "held": 0,
            "lost": 0,
        }

    def _first(self, name: str, command: list[str], says: str) -> Process:
        self._commands[name] = (command, says)
        return self.start(name)

    def close(self) -> None:
        self._stack.close()


@contextmanager
def rig(
    folder: Path, sections: str, *, host: str = "127.0.0.1", memory: str = "64MB"
) -> Iterator[Rig]:
    made = Rig(folder, sections, host=host, memory=memory)
    try:
        yield made
    finally:
        made.close()
