"""Where frames went: by hop and by subscriber, as each counts them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from camfan_config import Site, brokers, nodes
from camfan_nodes.monitor.facts import SiteFacts
from camfan_nodes.monitor.last_status import LastStatus
from camfan_wire.figures import CameraFigures, RecorderCameraFigures

TAKEN, UNSENT = "Taken by cameras", "not sent: the broker was away or the link was full"
SENT, UNDERWAY = "Sent by nodes", "on the way to the broker"
PASSED = "Passed by the broker"


class FrameHop(Struct, frozen=True, kw_only=True):
    """A stage that frames pass, all cameras together, since its processes started."""

    name: str
    frames: int | None
    lost: int | None  # between it and the next
    why: str


class ReaderAccount(Struct, frozen=True, kw_only=True):
    """A subscriber; each captured frame is in one of the four counts. Unknown is null."""

    name: str
    mode: str  # latest or every
    delivered: int | None
    skipped: int | None  # not wanted, or replaced by a newer one
    skipped_why: str  # how many for each reason; may be empty, like the next
    lost: int | None  # will not come
    lost_why: str
    held: int | None  # not decided yet


def readers(facts: SiteFacts) -> list[ReaderAccount]:
    """By name."""
    return [
        ReaderAccount(
            name=one.name,
            mode=one.mode,
            delivered=one.delivered,
            skipped=one.skipped,
            skipped_why=one.skipped_why,
            lost=one.lost,
            lost_why=one.lost_why,
            held=one.held,
        )
        for one in facts.subscribers
    ]


def hops(site: Site, words: Mapping[str, LastStatus]) -> list[FrameHop]:
    """As far as the nodes have reported it."""
    publishers = [words[name].status.publisher for name in site.cameras if name in words]
    unsent = sum(one.unsent or 0 for one in publishers if one is not None)
    broker_statuses = [words[name].status.broker for name in brokers(site) if name in words]
    at_broker = [one for said in broker_statuses if said for one in said.cameras.values()]
    at_recorders = [
        recorded
        for node in nodes(site)
        if node.name in words and (said := words[node.name].status.recorder) is not None
        for recorded in said.cameras.values()
    ]
    return [*_to_the_broker(unsent, at_broker), *_to_the_disk(at_recorders)]


def _to_the_broker(unsent: int, at_broker: list[CameraFigures]) -> list[FrameHop]:
    """Each hop has the frames of the one before, but for those that were lost in between.

    All follow from what the broker says: the nodes count since another time, and are heard at
    another moment.
    """
    known = [one for one in at_broker if one.received is not None and one.lost is not None]
    if not known:
        return [
            FrameHop(name=name, frames=None, lost=None, why=why)
            for name, why in ((TAKEN, UNSENT), (SENT, UNDERWAY), (PASSED, ""))
        ]
    lost = sum(one.lost or 0 for one in known)
    gone = max(0, lost - sum(one.repaired or 0 for one in known))  # a late frame is not lost
    unsent = min(unsent, gone)
    taken = sum(one.received or 0 for one in known) + lost
    return [
        FrameHop(name=TAKEN, frames=taken, lost=unsent, why=UNSENT),
        FrameHop(name=SENT, frames=taken - unsent, lost=gone - unsent, why=UNDERWAY),
        FrameHop(name=PASSED, frames=taken - gone, lost=None, why=""),
    ]


def _to_the_disk(recorded: list[RecorderCameraFigures]) -> list[FrameHop]:
    """The same from the recorders; a frame counts at each recorder that should have it."""
    if not recorded:
        return []
    frames = sum(one.frames for one in recorded)
    lost = sum(one.lost for one in recorded)
    missing = sum(one.missing for one in recorded)
    return [
        FrameHop(
            name="Meant for recorders",
            frames=frames + lost + missing,
            lost=missing,
            why="never came to a recorder",
        ),
        FrameHop(name="At the recorder", frames=frames + lost, lost=lost, why="not written"),
        FrameHop(name="On disk", frames=frames, lost=None, why=""),
    ]
