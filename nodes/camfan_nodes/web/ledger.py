"""Where frames went: hop by hop, and reader by reader, as those on the way count them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from camfan_config import Site, brokers, nodes
from camfan_nodes.monitor.facts import SiteFacts
from camfan_nodes.monitor.figures import count
from camfan_nodes.monitor.last_status import LastStatus
from camfan_wire.messages import Figures

TAKEN, UNSENT = "Taken by cameras", "not sent: the broker was away or the link was full"
SENT, UNDERWAY = "Sent by nodes", "on the way to the broker"
PASSED = "Passed by the broker"


class FrameHop(Struct, frozen=True, kw_only=True):
    """A place that frames pass, all cameras together, since its processes started."""

    name: str
    frames: int | None
    lost: int | None  # behind it, before the next
    why: str


class ReaderAccount(Struct, frozen=True, kw_only=True):
    """Whom the broker sends frames; what is captured is one of the four. Unknown is null."""

    name: str
    mode: str  # latest or every
    delivered: int | None
    skipped: int | None  # not wanted, or replaced by a newer one
    skipped_why: str  # how many for which reason; may be empty, so the next
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
    """As far as the nodes have said it."""
    cameras = [words[name].status.cameras.get(name, {}) for name in site.cameras if name in words]
    heard = [words[name].status for name in brokers(site) if name in words]
    at_broker = [figures for status in heard for figures in status.cameras.values()]
    recorders = [
        words[node.name].status.figures
        for node in nodes(site)
        if node.kind == "recorder" and node.name in words
    ]
    return [*_to_the_broker(cameras, at_broker), *_to_the_disk(recorders)]


def _to_the_broker(cameras: list[Figures], at_broker: list[Figures]) -> list[FrameHop]:
    """Each hop has the frames of the one before, but for those that were lost in between.

    All follow from what the broker says: the nodes count since another time, and are heard at
    another moment.
    """
    received, lost = _sum(at_broker, "received"), _sum(at_broker, "lost")
    if received is None or lost is None:
        return [
            FrameHop(name=name, frames=None, lost=None, why=why)
            for name, why in ((TAKEN, UNSENT), (SENT, UNDERWAY), (PASSED, ""))
        ]
    gone = max(0, lost - (_sum(at_broker, "repaired") or 0))  # what came late is not lost
    unsent = min(_sum(cameras, "unsent") or 0, gone)
    taken = received + lost
    return [
        FrameHop(name=TAKEN, frames=taken, lost=unsent, why=UNSENT),
        FrameHop(name=SENT, frames=taken - unsent, lost=gone - unsent, why=UNDERWAY),
        FrameHop(name=PASSED, frames=taken - gone, lost=None, why=""),
    ]


def _to_the_disk(recorders: list[Figures]) -> list[FrameHop]:
    """The same from what the recorders say; a frame counts at each that is to have it."""
    frames = _sum(recorders, "frames")
    if frames is None:
        return []
    lost, missing = _sum(recorders, "lost") or 0, _sum(recorders, "missing") or 0
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


def _sum(figures: Iterable[Figures], key: str) -> int | None:
    known = [found for one in figures if (found := count(one, key)) is not None]
    return sum(known) if known else None
