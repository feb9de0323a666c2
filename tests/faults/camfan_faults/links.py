"""The link of a camera, and that of a recorder, cut and restored under traffic."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from camfan_faults.ledger import Account, in_order, prove_every, prove_latest, recorded
from camfan_faults.net import Namespaces, Net
from camfan_faults.rig import Rig, rig

FPS = 15
FRAME_BYTES = 20_000
AROUND_S = 2
CAMERAS = ("one", "two")  # one is on the pi, two on the hub
SECTIONS = """security: {insecure: true}
cameras:
  one: {source: custom}
  two: {source: custom}
recorders:
  archive: {path: archive, cameras: "*", segment: 20s}"""


@dataclass(frozen=True, slots=True)
class Cut:
    """What came of it."""

    accounts: Mapping[str, Account]
    back_s: float  # from the return of the link until a viewer had a frame captured since


def start(site: Rig, net: Net) -> None:
    """The broker and a viewer on the hub, camera one on the pi, the recorder on the nas."""
    seen = {h: site.write_site(f"{h}.yaml", net.reach(h, site.ports)) for h in ("pi", "nas")}
    hub = net.on("hub")
    site.broker(through=hub)
    site.recorder("archive", site=seen["nas"], through=net.on("nas"))
    site.reader("viewer", mode="latest", through=hub)
    site.camera("one", site=seen["pi"], fps=FPS, size=FRAME_BYTES, through=net.on("pi"))
    site.camera("two", fps=FPS, size=FRAME_BYTES, through=hub)
    for camera in CAMERAS:
        site.wait_captured(camera, AROUND_S * FPS)


def cut_link(folder: Path, net: Net, hosts: Sequence[str], seconds: float) -> Cut:
    """Cut these hosts off for this long. Raises DoesNotAddUpError."""
    with rig(folder, SECTIONS, host=net.address) as site:
        start(site, net)
        for host in hosts:
            net.cut(host)
        time.sleep(seconds)  # the cut itself
        for host in hosts:
            net.mend(host)
        back_ns = time.monotonic_ns()
        for camera in CAMERAS:
            site.wait_captured(camera, AROUND_S * FPS)
        finish(site)
        return Cut(accounts_of(site), _back_after(site, back_ns))


def spoil_links(folder: Path, net: Namespaces, seconds: float) -> dict[str, Account]:
    """Loss and jitter on the links of a camera and of the recorder. Raises DoesNotAddUpError."""
    with rig(folder, SECTIONS, host=net.address) as site:
        start(site, net)
        for host in ("pi", "nas"):
            net.spoil(host, "loss 3%", "delay 30ms 15ms")
        for camera in CAMERAS:
            site.wait_captured(camera, int(seconds * FPS))
        finish(site)
        return accounts_of(site, step_ns=1_000_000_000)  # the way there and back differ by chance


def finish(site: Rig) -> None:
    """All that was captured is recorded, and everybody ends."""
    site.rest(*CAMERAS)
    site.wait_recorded("archive", *CAMERAS)
    site.stop("archive", "viewer", *CAMERAS, "broker")


def accounts_of(site: Rig, step_ns: int = 0) -> dict[str, Account]:
    accounts: dict[str, Account] = {}
    for camera in CAMERAS:
        runs = site.runs(camera)
        prove_latest(runs, site.received("viewer", camera))
        found = in_order(runs, recorded(site.folder / "archive", camera, step_ns))
        accounts[camera] = prove_every(runs, found)
    return accounts


def _back_after(site: Rig, back_ns: int) -> float:
    """Until the viewer had a picture of the time after: what was under way comes before."""
    run = site.runs("one")[0]
    received = site.received("viewer", "one")
    fresh = next(item for item in received if run.captured_ns[item.first] >= back_ns)
    return (fresh.at_ns - back_ns) / 1e9


@dataclass(frozen=True, slots=True)
class Thin:
    """Ages of camera one at a viewer, seconds."""

    accounts: Mapping[str, Account]
    before: float  # median
    before_p99: float
    meanwhile: float  # median, while what was missed was fetched
    meanwhile_p99: float
    repair_s: float  # how long that took
    live: int  # frames that came in the meantime


def repair_over_a_thin_link(
    folder: Path, net: Namespaces, seconds: float, bits_per_s: int = 8_000_000
) -> Thin:
    """The broker is away for this long; its link to camera one is thin."""
    with rig(folder, SECTIONS, host=net.address) as site:
        start(site, net)
        net.limit("pi", bits_per_s)
        site.wait_captured("one", AROUND_S * FPS)
        site.kill("broker")
        killed = site.captured("one")
        time.sleep(seconds)
        site.start("broker")
        back_ns = time.monotonic_ns()
        returned = site.captured("one")
        _wait_repaired(site, returned)
        end_ns = time.monotonic_ns()
        finish(site)
        run = site.runs("one")[0]
        viewed = site.received("viewer", "one")
        old = [i for i in viewed if i.first < killed]
        new = [i for i in viewed if i.first >= killed and back_ns < i.at_ns < end_ns]
        ages = [[(i.at_ns - run.captured_ns[i.first]) / 1e9 for i in part] for part in (old, new)]
        return Thin(
            accounts_of(site),
            statistics.median(ages[0]),
            percentile(ages[0]),
            statistics.median(ages[1]),
            percentile(ages[1]),
            (end_ns - back_ns) / 1e9,
            len(new),
        )


def percentile(values: list[float], share: float = 0.99) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _wait_repaired(site: Rig, returned: int) -> None:
    """Until the recorder has what was captured before the broker was back."""
    while site.recorded_to("archive").get("one", ("", -1))[1] < returned - 1:
        time.sleep(0.1)
