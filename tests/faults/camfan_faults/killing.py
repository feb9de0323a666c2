"""SIGKILL at random moments, again and again: no duplicate, no disorder, no unexplained gap."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from camfan_faults.ledger import Account, in_order, prove_every, prove_latest, recorded
from camfan_faults.rig import Rig, rig

CAMERAS = ("one", "two")
SECTIONS = """cameras:
  one: {source: custom}
  two: {source: custom}
recorders:
  archive: {path: archive, cameras: "*", segment: 5s}"""
VICTIMS = ("broker", "archive", "follower", "viewer")
LIFE_S, DEATH_S = 0.8, 0.6  # at most, between two kills, and until it is started again


def kill_at_random(
    folder: Path,
    kills: int,
    seed: int,
    victims: Iterable[str] = VICTIMS,
    say: Callable[[str], None] = lambda _text: None,
) -> dict[str, Account]:
    """What came of every picture, for the recorder and for a reader in mode `every`, by
    `<reader>/<camera>`. Raises DoesNotAddUpError.
    """
    numbers = random.Random(seed)
    chosen = tuple(victims)
    with rig(folder, SECTIONS) as site:
        site.broker()
        site.recorder("archive")
        site.reader("follower")
        site.reader("viewer", mode="latest")
        for camera in CAMERAS:
            site.camera(camera)
        for camera in CAMERAS:
            site.wait_captured(camera, 15)
        for number in range(kills):
            victim = chosen[number % len(chosen)]
            time.sleep(numbers.uniform(0, LIFE_S))  # the moment of a fault is random
            site.kill(victim)
            say(f"{number + 1}: {victim}")
            time.sleep(numbers.uniform(0, DEATH_S))
            site.start(victim, wait=False)
        return settle(site)


def settle(site: Rig, cameras: Iterable[str] = CAMERAS) -> dict[str, Account]:
    """Let everybody come to the end, and prove it for each."""
    cameras = tuple(cameras)
    for process in ("broker", "follower", *cameras):
        site.ready(process)
    for camera in cameras:
        site.wait_captured(camera, 30)
    site.rest(*cameras)
    site.wait_received("follower", *cameras)
    site.wait_recorded("archive", *cameras)
    site.stop("archive", "follower", "viewer", *cameras, "broker")
    accounts: dict[str, Account] = {}
    for camera in cameras:
        runs = site.runs(camera)
        prove_latest(runs, site.received("viewer", camera))
        accounts[f"follower/{camera}"] = prove_every(runs, site.received("follower", camera))
        found = in_order(runs, recorded(site.folder / "archive", camera))
        accounts[f"archive/{camera}"] = prove_every(runs, found)
    return accounts
