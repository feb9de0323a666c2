"""Many cameras in one tab of a browser: `python tests/bench/tiles.py [--seconds N]`.

16 tiles at 10 frames a second and 64 at 2.5, 720p, on loopback, in the system's Chromium. Each must
advance; the age of pictures, from their capture to the canvas, is what the page measures itself and
tells the server (the pictures are encoded beforehand); long tasks are those of the page's own
thread. Says what is beyond its limit, and ends with code 1 then.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from playwright.sync_api import Page, ViewportSize, sync_playwright  # noqa: E402 - the path first

from camfan_bench.rig import bench_site, start, temporary_folder  # noqa: E402
from camfan_testing.chromium import CHROMIUM, MISSING, launch  # noqa: E402
from camfan_testing.pages import sequences, wait_for  # noqa: E402
from camfan_testing.ports import free_ports  # noqa: E402
from camfan_testing.processes import camfan, running_broker  # noqa: E402

WALLS = ((16, 10.0), (64, 2.5))  # tiles, frames a second of each
SIZE = 100_000  # bytes of a picture
MOST_AGE_MS, MOST_TASK_MS = 150.0, 100.0
WINDOW_MS = 2000  # in which the page tells how its pictures fare
PATIENCE_MS = 60_000
VIEWPORT: ViewportSize = {"width": 1920, "height": 1080}

OBSERVE = """() => {
  window.longest = 0;
  new PerformanceObserver(list => {
    for (const task of list.getEntries()) longest = Math.max(longest, task.duration);
  }).observe({type: 'longtask'});
}"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a wall was like."""

    slowest: int  # pictures, of the tile that had the fewest
    fastest: int
    age_p50_ms: float
    age_p95_ms: float  # medians of windows
    longest_task_ms: float

    @property
    def good(self) -> bool:
        return (
            self.slowest > 0
            and self.age_p95_ms <= MOST_AGE_MS
            and self.longest_task_ms <= MOST_TASK_MS
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20, help="that each wall is watched for")
    args = parser.parse_args()
    if CHROMIUM is None:
        sys.stderr.write(f"tiles: {MISSING}\n")
        return 1
    good = True
    for tiles, fps in WALLS:
        with _wall(tiles, fps) as (page, url):
            found = _watch(page, url, tiles, args.seconds)
        good = good and found.good
        sys.stdout.write(_sentence(tiles, fps, found))
    return 0 if good else 1


@contextmanager
def _wall(tiles: int, fps: float) -> Iterator[tuple[Page, str]]:
    """This many cameras, and a page that shows them."""
    with temporary_folder() as folder, ExitStack() as stack:
        (port,) = free_ports(1)
        url = f"http://127.0.0.1:{port}"
        site = bench_site(folder, tiles, extra=f"web: {{listen: '127.0.0.1:{port}'}}")
        stack.enter_context(running_broker(site.path))
        server = stack.enter_context(camfan("web", "--config", str(site.path)))
        server.wait_for("open http")
        task = {"site": str(site.path), "cameras": tiles, "fps": fps, "size": SIZE}
        cameras = stack.enter_context(start("web_loads", "cameras", json.dumps(task)))
        cameras.wait_for("publishing", timeout=60)
        browser = launch(stack.enter_context(sync_playwright()))
        stack.callback(browser.close)
        page = browser.new_page(viewport=VIEWPORT)
        page.goto(f"{url}/live")
        wait_for(page, lambda: len(sequences(page)) == tiles, PATIENCE_MS)
        yield page, url


def _watch(page: Page, url: str, tiles: int, seconds: float) -> Found:
    page.evaluate(OBSERVE)
    page.wait_for_timeout(2 * WINDOW_MS)  # figures of the beginning are reported and forgotten
    before, ages = sequences(page), []
    for _ in range(max(1, round(1000 * seconds / WINDOW_MS))):
        page.wait_for_timeout(WINDOW_MS)
        ages.append(_ages(url))
    after = sequences(page)
    advanced = [after[camera] - before[camera] for camera in before]
    return Found(
        slowest=min(advanced) if len(advanced) == tiles else 0,
        fastest=max(advanced),
        age_p50_ms=statistics.median(p50 for p50, _ in ages),
        age_p95_ms=statistics.median(p95 for _, p95 in ages),
        longest_task_ms=page.evaluate("longest"),
    )


def _ages(url: str) -> tuple[float, float]:
    """The last report of the only page: ms, the median and 19 of 20."""
    with urllib.request.urlopen(f"{url}/api/clients", timeout=10) as answer:
        (client,) = json.load(answer)["clients"]
    return client["age_p50_ms"], client["age_p95_ms"]


def _sentence(tiles: int, fps: float, found: Found) -> str:
    verdict = "" if found.good else "; beyond its limit"
    longest = f"{found.longest_task_ms:.0f} ms" if found.longest_task_ms else "below 50 ms"
    return (
        f"{tiles} tiles at {fps:g} fps of 720p: capture to canvas p50 {found.age_p50_ms:.0f} ms, "
        f"p95 {found.age_p95_ms:.0f} ms (limit {MOST_AGE_MS:.0f}); longest task "
        f"{longest} (limit {MOST_TASK_MS:.0f}); each tile advanced by "
        f"{found.slowest} to {found.fastest}{verdict}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
