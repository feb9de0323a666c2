"""What the benchmarks are made of: numbers, names, frames, and a run from end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import simplejpeg

from camfan_bench import subjects
from camfan_bench.counters import SAMPLES, Command, Counters, Tally
from camfan_bench.cpu import cpu_seconds
from camfan_bench.docs import QUOTED, quote, write_docs
from camfan_bench.frames import Stream, jpeg_of_size, picture
from camfan_bench.machine import describe_machine
from camfan_bench.model import (
    BenchError,
    Benchmark,
    Measure,
    Pair,
    Result,
    Run,
    alternating,
)
from camfan_bench.peer_ends import read_time, write_time
from camfan_bench.report import entry_of, ratio_of
from camfan_bench.runner import run_benchmark
from camfan_bench.vitals import Vitals
from camfan_testing.frames import read_frame

pytestmark = pytest.mark.long

BENCH = Path(__file__).parent
SPEED = Measure("speed/a", "frames/s", "a wall", better="higher", reach=0.9)


@contextmanager
def numbered(_: float) -> Iterator[Run]:
    yield lambda n: Pair({"speed/a": 10.0 * (n + 1), "note": n}, {"speed/a": 20.0})


def test_a_benchmark_is_run_in_pairs() -> None:
    """The ratio is the median of the ratios of the pairs; notes are medians."""
    (result,) = run_benchmark(Benchmark((SPEED,), numbered), 3, lambda _: None)

    assert entry_of(result) == {
        "name": "speed/a",
        "value": 20.0,
        "unit": "frames/s",
        "yardstick": "a wall",
        "ratio": 1.0,
        "runs": 3,
        "min": 10.0,
        "max": 30.0,
        "yardstick_value": 20.0,
        "ratios": [0.5, 1.0, 1.5],
        "better": "higher",
        "reach": 0.9,
        "notes": {"note": 1.0},
        "problem": None,
    }


def test_what_cannot_be_measured_is_reported() -> None:
    def impossible(_: float) -> AbstractContextManager[Run]:
        raise BenchError("no network namespaces here")

    (result,) = run_benchmark(Benchmark((SPEED,), impossible), 3, lambda _: None)

    entry = entry_of(result)
    assert entry["value"] is entry["ratio"] is None
    assert entry["problem"] == "no network namespaces here"


def test_which_begins_changes_from_run_to_run() -> None:
    order: list[str] = []

    def side(name: str) -> dict[str, float]:
        order.append(name)
        return {}

    run = alternating(lambda: side("ours"), lambda: side("theirs"))
    run(0)
    run(1)

    assert order == ["ours", "theirs", "theirs", "ours"]


def test_ratios_are_of_neighbours() -> None:
    """A machine that becomes twice as fast half way changes values, not ratios."""
    result = Result(SPEED, (9.0, 9.0, 18.0, 18.0), (10.0, 10.0, 20.0, 20.0))

    assert ratio_of(result) == 0.9


@pytest.mark.parametrize(
    ("better", "ratio", "reached"),
    [("higher", 0.9, True), ("higher", 0.89, False), ("lower", 0.9, True), ("lower", 0.91, False)],
)
def test_what_was_to_be_reached(better: str, ratio: float, reached: bool) -> None:
    measure = Measure(
        "a/b", "ms", "it", better="lower" if better == "lower" else "higher", reach=0.9
    )

    assert measure.reached(ratio) is reached


def test_names_are_unique_and_in_one_of_the_groups() -> None:
    names = [m.name for b in subjects.all_benchmarks() for m in b.measures]

    assert len(names) == len(set(names))
    assert {f"fanout/{kb}KB/{n}" for kb in (20, 100, 250) for n in (1, 4, 16)} < set(names)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("relay", ["relay/100KB/4"]),
        ("fanout/20KB/1", ["fanout/20KB/1"]),
        ("fanout/20KB", ["fanout/20KB/1", "fanout/20KB/4", "fanout/20KB/16"]),
        ("fanout/*/16", ["fanout/20KB/16", "fanout/100KB/16", "fanout/250KB/16"]),
        ("delivery-l", ["delivery-latest/100KB/4"]),
        ("fans", []),
    ],
)
def test_names_prefixes_and_globs(pattern: str, found: list[str]) -> None:
    chosen = subjects.select(subjects.all_benchmarks(), [pattern])

    assert [m.name for b in chosen for m in b.measures] == found


@pytest.mark.parametrize("size", [20_000, 50_000, 100_000, 250_000, 100_001, 100_003])
def test_frames_have_exactly_their_size_and_decode(size: int) -> None:
    stream = Stream("cam0", jpeg_of_size(size))
    headers = [read_frame(stream.next()) for _ in range(2)]

    assert [h.sequence for h in headers] == [0, 1]
    assert headers[0].size == size
    assert simplejpeg.decode_jpeg(jpeg_of_size(size)).shape[0] == headers[0].height


def test_counters_are_shared_and_samples_are_the_newest(tmp_path: Path) -> None:
    with Counters.create(tmp_path / "counters", 2) as here, Counters(here.path) as there:
        tally, other = Tally(there, 0), Tally(here, 1)
        assert here.slowest(2) == -1

        for n in range(SAMPLES + 5):
            tally.add(n % 3, n, n % 2, 1000 + n)
        other.add(0, 7, 0, 1)
        here.order(Command.GO)

        assert there.command() is Command.GO
        seen = Tally(here, 0)
        assert (seen.count, seen.last, seen.lost) == (SAMPLES + 5, SAMPLES + 4, (SAMPLES + 5) // 2)
        assert here.slowest(2) == 7
        assert seen.samples(SAMPLES + 2, SAMPLES + 5) == [1000 + SAMPLES + n for n in (2, 3, 4)]
        assert len(seen.samples(0, SAMPLES + 5)) == SAMPLES
        assert seen.of_camera(0) == (SAMPLES + 5 + 2) // 3


def entries() -> list[dict[str, object]]:
    """Results of two groups, and one that is absent."""
    quoted = [
        Result(Measure(name, "ms", "zmq.proxy", "lower", reach=1.5), (3.0, 4.0), (2.0, 4.0))
        for name in QUOTED
    ]
    absent = Result(SPEED, problem="Traceback\nno | pip here")
    return [entry_of(result) for result in (*quoted, absent)]


def test_the_pages_name_what_is_absent_and_the_machine(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="plots need the dependency group bench")
    write_docs(entries(), {"processor": "2 cores"}, tmp_path)

    page = (tmp_path / "README.md").read_text()
    assert "| processor | 2 cores |" in page
    assert "| speed/a | absent: no / pip here |" in page
    assert "| fanout/100KB/4 | 3.50 ms | 3.00 to 4.00 | 3.00: zmq.proxy | 1.25 | ≤ 1.5 |" in page
    for group in ("fanout", "latency"):
        assert f"![{group}]({group}.svg)" in page
        assert "ratio to zmq.proxy" in (tmp_path / f"{group}.svg").read_text()
    assert not (tmp_path / "speed.svg").exists()
    assert json.loads((tmp_path / "bench.json").read_text()) == entries()


def test_the_readme_quotes_two(tmp_path: Path) -> None:
    first, second = quote(entries()).splitlines()

    assert "4 frames/s" in first
    assert "1.25 of `zmq.proxy`" in first
    assert "3.50 ms" in second


def test_the_machine_is_described() -> None:
    machine = describe_machine()

    assert f"{len(os.sched_getaffinity(0))} cores" in machine["processor"]
    assert machine["ZeroMQ"].startswith("libzmq 4.")


def test_the_time_of_capture_survives_jpeg() -> None:
    image = picture().copy()
    write_time(image, 123_456_789_012_000)
    jpeg = simplejpeg.encode_jpeg(image, quality=80, colorspace="BGR", colorsubsampling="420")

    assert read_time(simplejpeg.decode_jpeg(jpeg, colorspace="BGR")) == 123_456_789_012_000


def test_cpu_time_is_that_of_the_process() -> None:
    before = cpu_seconds(os.getpid())
    while cpu_seconds(os.getpid()) < before + 0.2:
        pass

    assert time.process_time() >= 0.19


GROUPS = ["fanout/100KB/4", "relay", "delivery", "latency", "age", "camera/cpu", "camera/idle"]


@pytest.mark.timeout(240)  # a broker asks a camera for everything in its first 15 s
@pytest.mark.parametrize("name", GROUPS)
def test_each_benchmark_works_from_end_to_end(name: str, tmp_path: Path) -> None:
    """One pair of runs: whole and lossless, or it would be a problem."""
    result = tmp_path / "bench.json"
    quick = ["--runs", "1", "--length", "0.2", "--json", str(result)]
    command = [sys.executable, str(BENCH), name, *quick]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    for entry in json.loads(result.read_text()):
        assert entry["problem"] is None, entry
        assert entry["runs"] == 1
        assert entry["value"] >= 0  # an idle camera may do nothing at all in that time
        assert entry["ratio"] >= 0
        assert entry["name"] in ended.stdout


def test_an_unknown_name_is_reported() -> None:
    ended = subprocess.run(
        [sys.executable, str(BENCH), "fanuot"], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 64
    assert "no benchmark is called fanuot" in ended.stderr


def run_script(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCH / name), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_short_soak_adds_up() -> None:
    ended = run_script("soak.py", "--minutes", "0.08", "--cameras", "5", "--fps", "5")

    assert "the accounts of" in ended.stdout, ended.stdout + ended.stderr
    assert ended.returncode == 0


def test_stopped_readers_are_measured() -> None:
    """Whether the ratios are good is for a quiet machine to say."""
    ended = run_script("stopped.py", "--minutes", "0.03", "--baseline", "0.03")

    assert "MB of 256 MB" in ended.stdout, ended.stdout + ended.stderr
    for kind in ("fanout", "latest", "every"):
        assert f"{kind}: p99" in ended.stdout


def test_growth_is_reported() -> None:
    """Memory that is still filling before it has settled does not count as growth."""
    full = Vitals([n * 10**7 for n in range(40)] + [400_000_000] * 60, [20] * 100)
    leaking = Vitals([300_000_000 + n * 10**6 for n in range(100)], [20] * 100)
    forgetful = Vitals([10**8] * 100, [20 + n // 99 for n in range(100)])

    assert full.complaint("broker", 0.4) is None
    assert leaking.complaint("broker", 0.4) == "broker: memory grew by 40.0 MB"
    assert forgetful.complaint("broker", 0.4) == "broker: 1 more files are open"


def test_the_readme_quotes_the_published_results() -> None:
    root = Path(__file__).resolve().parents[2]
    entries = json.loads((root / "docs" / "benchmarks" / "bench.json").read_text(encoding="utf-8"))
    assert quote(entries) in (root / "README.md").read_text(encoding="utf-8")
