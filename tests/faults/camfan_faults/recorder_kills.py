"""SIGKILL of a recorder at random moments, with retention, clips, protection and modes at work.

After each kill a copy of its folder is opened as the next start opens it, and compared with what
the cameras wrote down and with what the index had just before the kill.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from camfan import EventPublisher
from camfan.recording.queries import IndexReader
from camfan.recording.rows import SegmentRow
from camfan_faults.ledger import NOT_WANTED, DoesNotAddUpError
from camfan_faults.log import Run, checksum
from camfan_faults.rig import Rig, rig
from camfan_nodes.recorder.index import Index
from camfan_nodes.recorder.storage import Storage
from camfan_testing.live import wait_until
from camfan_testing.recordings import packets

AGE_S = 15
SECTIONS = """cameras:
{cameras}
recorders:
  archive:
    path: archive
    cameras: "*"
    segment: 3s
    sync: 2s
    keep: {{age: {age}s}}
    modes: {{cam-1: activity, cam-2: events}}
    clips: {{from: [doorbell], before: 1s, after: 1s, max_length: 4s}}"""
JPEG_BYTES = 8_000
LIFE_S = 3.0  # at most, from when the recorder is up until it is killed
START_S = 1.5  # the same for kills while it starts
OLD_S = 60.0  # files that were not written to for as long are linked, not copied

Key = tuple[str, str, int]  # camera, run, sequence


@dataclass(slots=True)
class Findings:
    """What was compared, over all kills."""

    kills: int = 0
    frames: int = 0  # read and compared, each as often as it was there
    files: int = 0  # played by FFmpeg
    clips: int = 0
    protected: int = 0
    expired: int = 0  # frames that retention deleted
    _seen: dict[Key, int] = field(default_factory=dict)  # site time
    _gone: set[Key] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills: {self.frames} frames compared, {self.files} files played, "
            f"{self.clips} clips, {self.protected} protected, {self.expired} frames expired"
        )

    def compare(self, present: dict[Key, int], needed: list[Needed], now_ns: int) -> None:
        """What was there before is there, unless retention may have deleted it."""
        for key, time_ns in self._seen.items():
            if key in present or key in self._gone:
                continue
            if any(each.has(key[0], time_ns) for each in needed):
                raise DoesNotAddUpError(f"{key} is of a clip or protected, and was deleted")
            if time_ns > now_ns - AGE_S * 1_000_000_000:
                raise DoesNotAddUpError(f"{key} was deleted before its time")
            self._gone.add(key)
        if back := self._gone & present.keys():
            raise DoesNotAddUpError(f"{len(back)} frames came back after they were deleted")
        self._seen.update(present)
        self.expired = len(self._gone)

    def knows(self, key: Key) -> bool:
        return key in self._seen


@dataclass(frozen=True, slots=True)
class Needed:
    """An interval of a clip or a protection."""

    camera: str | None
    start_ns: int
    end_ns: int

    def has(self, camera: str, time_ns: int) -> bool:
        return self.camera in (None, camera) and self.start_ns <= time_ns <= self.end_ns


@dataclass(frozen=True, slots=True)
class Before:
    """What a reader of the index saw just before a kill."""

    places: dict[str, tuple[str, int]]
    clips: set[int]
    protections: set[int]


def kill_recorder(
    folder: Path,
    kills: int,
    seed: int,
    *,
    cameras: int = 8,
    say: Callable[[str], None] = lambda _text: None,
) -> Findings:
    """Raises DoesNotAddUpError."""
    numbers, findings = random.Random(seed), Findings()
    lasting: list[tuple[str, str]] = []  # camera and id of events that were not ended
    names = [f"cam-{number}" for number in range(cameras)]
    sections = "\n".join(f"  {name}: {{source: custom}}" for name in names)
    with rig(folder, SECTIONS.format(cameras=sections, age=AGE_S)) as site:
        site.broker()
        site.recorder("archive")
        for name in names:
            site.camera(name, size=JPEG_BYTES)
        for name in names:
            site.wait_captured(name, 15)
        with EventPublisher(site.site, "doorbell") as bell:
            for number in range(kills):
                _live(site, names, numbers, bell, number, lasting)
                before = _before(site)
                site.kill("archive")
                findings.kills += 1
                _examine(site, names, before, findings, folder / f"copy-{number}")
                say(f"{number + 1}: {findings}")
                site.start("archive")
        site.rest(*names)
        site.wait_recorded("archive", *names)
        before = _before(site)
        site.stop("archive", *names, "broker")
        _examine(site, names, before, findings, folder / "copy-last")
    return findings


def _live(
    site: Rig,
    names: list[str],
    numbers: random.Random,
    bell: EventPublisher,
    number: int,
    lasting: list[tuple[str, str]],
) -> None:
    """Until a random moment of the recorder's life; in one of four it is still starting."""
    if number and number % 4 == 3:
        time.sleep(numbers.uniform(0, START_S))  # the moment of a fault is random
        return
    place = site.recorded_to("archive")
    try:
        wait_until(lambda: site.recorded_to("archive") != place, 60.0)
    except AssertionError as exc:
        output = site.processes["archive"].output
        raise DoesNotAddUpError(f"nothing is recorded after a restart: {output}") from exc
    while lasting:  # the broker gives open events to each recorder that starts
        camera, event = lasting.pop()
        bell.event("ring", "end", camera=camera, id=event)
    for camera in [*numbers.sample(names, 2), "cam-2"]:
        bell.event("ring", "start", camera=camera, id=f"{number}-{camera}")
        if numbers.random() < 0.7:
            bell.event("ring", "end", camera=camera, id=f"{number}-{camera}")
        else:  # it lasts when the recorder is killed
            lasting.append((camera, f"{number}-{camera}"))
    time.sleep(numbers.uniform(0, LIFE_S))
    if number % 5 == 1:
        _protect(site, numbers.choice(names))


def _protect(site: Rig, camera: str) -> None:
    words = ["recordings", "protect", "--path", str(site.folder / "archive"), "--camera", camera]
    command = [sys.executable, "-m", "camfan_nodes", *words, "--from", "4s ago", "--to", "now"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise DoesNotAddUpError(f"protect: {done.stdout}{done.stderr}")


def _before(site: Rig) -> Before:
    path = site.folder / "archive" / "index.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        reader = IndexReader(database)
        places = {name: (at.run, at.sequence) for name, at in reader.positions().items()}
        return Before(places, {c.id for c in reader.clips()}, {p.id for p in reader.protections()})


def _examine(site: Rig, names: list[str], before: Before, findings: Findings, copy: Path) -> None:
    """What the next start finds: all that was there, once, in order, as it was published."""
    fresh = _copy(site.folder / "archive", copy)
    with Storage("archive", copy, 60.0, 5.0):
        pass
    runs = {name: {run.run: run for run in site.runs(name)} for name in names}
    with closing(Index(copy)) as index:
        present = _present(copy, index.reader, runs)
        _prove_ids("clip", before.clips, {clip.id for clip in index.reader.clips()})
        protections = index.reader.protections()
        _prove_ids("protection", before.protections, {row.id for row in protections})
        needed = [Needed(c.camera, c.start_ns, c.end_ns) for c in index.reader.clips()]
        needed += [Needed(p.camera, p.start_ns, p.end_ns) for p in protections]
        findings.compare(present, needed, time.time_ns())
        for name, place in before.places.items():
            skipped = _skipped(copy, name, place[0])
            _prove_all(
                (name, *place), {key for key in present if key[0] == name}, skipped, findings
            )
            _prove_no_gaps(index.reader, name)
        findings.files += _play(copy, index.reader.segments(), fresh)
        findings.clips, findings.protected = len(index.reader.clips()), len(protections)
    findings.frames += len(present)
    shutil.rmtree(copy)


def _copy(archive: Path, copy: Path) -> set[str]:
    """Files that may still change are copied, which are returned; the others linked."""
    fresh = set()
    for path in archive.rglob("*"):
        target = copy / path.relative_to(archive)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".mkv" and path.stat().st_mtime < time.time() - OLD_S:
            os.link(path, target)
        else:
            shutil.copy2(path, target)
            fresh.add(str(target.relative_to(copy)).removesuffix(".new"))
    return fresh


def _present(folder: Path, reader: IndexReader, runs: dict[str, dict[str, Run]]) -> dict[Key, int]:
    """Every frame of the index, compared with what its camera published."""
    found: dict[Key, int] = {}
    times: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in reader.segments():
        entries = reader.frames_of(row.id)
        if row.state == "open":
            raise DoesNotAddUpError(f"{row.path} is still open")
        if not entries:
            continue
        data = (folder / row.path).read_bytes()
        for entry in entries:
            key = (row.camera, row.run, entry.sequence)
            if key in found:
                raise DoesNotAddUpError(f"{key} is recorded twice")
            seal = checksum(data[entry.offset : entry.offset + entry.size])
            if seal != runs[row.camera][row.run].checksums[entry.sequence]:
                raise DoesNotAddUpError(f"{key} in {row.path} is not the frame that was published")
            found[key] = entry.time_ns
            times.setdefault(key[:2], []).append((entry.sequence, entry.time_ns))
    for name, places in times.items():
        if any(later[1] < earlier[1] for earlier, later in pairwise(sorted(places))):
            raise DoesNotAddUpError(f"{name}: recorded in another order than captured")
    return found


def _prove_ids(what: str, before: set[int], after: set[int]) -> None:
    if lost := before - after:
        raise DoesNotAddUpError(f"{what} {sorted(lost)} was in the index before the kill")


def _skipped(folder: Path, camera: str, run: str) -> list[tuple[int, int]]:
    """The stretches of which the mode does not keep all."""
    with closing(sqlite3.connect(folder / "index.sqlite")) as database:
        rows = database.execute(
            "SELECT first, last FROM skips WHERE camera = ? AND run = ?", (camera, run)
        )
        return [(int(first), int(last)) for first, last in rows]


def _prove_all(
    place: Key, present: set[Key], skipped: list[tuple[int, int]], findings: Findings
) -> None:
    """Up to the place that the index had, each frame is there, expired, or skipped by the mode."""
    camera, run, until = place
    begun = min((key[2] for key in present if key[1] == run), default=0)
    for sequence in range(begun, until + 1):
        key = (camera, run, sequence)
        if key in present or findings.knows(key):
            continue
        if not any(first <= sequence <= last for first, last in skipped):
            raise DoesNotAddUpError(f"{key} was in the index before the kill, up to {until}")


def _prove_no_gaps(reader: IndexReader, camera: str) -> None:
    for gap in reader.gaps(camera):
        if gap.reason != NOT_WANTED:
            raise DoesNotAddUpError(f"{camera}: a gap, though the broker has all frames: {gap}")


def _play(folder: Path, rows: Iterable[SegmentRow], fresh: set[str]) -> int:
    """FFmpeg, and mkvinfo where it is installed, accept the files; how many."""
    played = 0
    for row in rows:
        if row.path not in fresh or not (folder / row.path).exists():
            continue
        played += 1
        if not packets(folder / row.path):
            raise DoesNotAddUpError(f"{row.path} does not play")
        if played == 1 and (program := shutil.which("mkvinfo")):
            done = subprocess.run([program, str(folder / row.path)], capture_output=True, text=True)
            if done.returncode or "error" in done.stdout.lower():
                raise DoesNotAddUpError(f"mkvinfo {row.path}: {done.stdout[-500:]}")
    return played
