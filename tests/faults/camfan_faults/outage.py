"""The broker is killed under cameras, a recorder and a viewer, and is back after a while."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from camfan_faults.film import run_of, write_film
from camfan_faults.ledger import (
    Account,
    DoesNotAddUpError,
    in_order,
    prove_every,
    prove_latest,
    recorded,
)
from camfan_faults.rig import Rig, rig

FPS = 15
FRAME_BYTES = 20_000
AROUND_S = 2  # of traffic before and after
CAMERAS = ("one", "two")  # and the film
SECTIONS = """cameras:
  one: {{source: custom{one}}}
  two: {{source: custom{two}}}
  film: {{source: file, path: film.avi}}
recorders:
  archive: {{path: archive, cameras: "*", segment: 20s}}"""


@dataclass(frozen=True, slots=True)
class Outage:
    """What came of it."""

    accounts: Mapping[str, Account]
    back_s: float  # from the return of the broker until a viewer had a frame
    newer_s: float  # how old that frame was, at most
    kept: int  # of camera one: frames that its ring gave behind what it could not give


def broker_outage(
    folder: Path, seconds: float, rings: Mapping[str, str] | None = None, kill: str | None = None
) -> Outage:
    """`rings`: of cameras `one` and `two`; `kill`: this one is killed in the middle, and started
    again. Raises DoesNotAddUpError.
    """
    film = write_film(folder / "film.avi", round((seconds + 2 * AROUND_S) * FPS), FPS)
    given = {name: f", ring: {ring}" for name, ring in (rings or {}).items()}
    sections = SECTIONS.format(**{"one": "", "two": "", **given})
    with rig(folder, sections) as site:
        site.broker()
        site.recorder("archive")
        site.reader("viewer", mode="latest", cameras=CAMERAS)
        site.camera("one", fps=FPS, size=FRAME_BYTES)
        site.camera("two", fps=FPS, size=FRAME_BYTES)
        site.node("camera", "film")
        for camera in CAMERAS:
            site.wait_captured(camera, AROUND_S * FPS)

        site.kill("broker")
        time.sleep(seconds / 2)  # the outage itself
        if kill is not None:
            site.kill(kill)
            site.start(kill)
        time.sleep(seconds / 2)
        site.start("broker")
        back_ns = time.monotonic_ns()

        site.processes["film"].wait_for("has ended", seconds + 20)
        for camera in CAMERAS:
            site.wait_captured(camera, AROUND_S * FPS)
        site.rest(*CAMERAS)
        site.wait_recorded("archive", *CAMERAS)
        site.wait_recorded_to("archive", "film", len(film) - 1)
        site.stop("archive", "viewer", *CAMERAS, "film", "broker")
        return _proven(site, film, back_ns)


def _proven(site: Rig, film: list[str], back_ns: int) -> Outage:
    accounts: dict[str, Account] = {}
    kept = 0
    first_back: list[tuple[float, float]] = []
    for camera in CAMERAS:
        runs = site.runs(camera)
        by_run = {run.run: run for run in runs}
        found = in_order(runs, recorded(site.folder / "archive", camera))
        accounts[camera] = prove_every(runs, found)
        viewed = site.received("viewer", camera)
        prove_latest(runs, viewed)
        fresh = next(item for item in viewed if item.at_ns >= back_ns)
        captured_ns = by_run[fresh.run].captured_ns[fresh.first]
        if camera == "one":
            gap = next((item.last or 0 for item in found if item.reason), 0)
            kept = fresh.first - gap - 1
        first_back.append(((fresh.at_ns - back_ns) / 1e9, (fresh.at_ns - captured_ns) / 1e9))
    found = recorded(site.folder / "archive", "film")
    runs = [run_of(film, found[0].run)]
    accounts["film"] = prove_every(runs, in_order(runs, found))
    return Outage(accounts, max(s for s, _ in first_back), max(s for _, s in first_back), kept)


def assert_nothing_lost(accounts: Mapping[str, Account]) -> None:
    for name, account in accounts.items():
        if account.lost or account.held or account.skipped:
            raise DoesNotAddUpError(f"{name}: {account}")
