"""What is known of a site at one moment, from the last statuses of its nodes.

Frozen values, and the one function that makes them. What has not been reported is None; what was
reported too long ago is not repeated as if it were true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from camfan_config import (
    BROKER,
    CustomCamera,
    Site,
    broker_of,
    brokers,
    is_started,
    nodes,
    title_of,
)
from camfan_config.site.pace import StateLimits, planned_pace
from camfan_nodes.monitor.last_status import (
    LastStatus,
    camera_trouble,
    figures_of,
    limits_said,
    state_said,
)
from camfan_nodes.monitor.words import count_text, need_text, reasons_text
from camfan_wire.figures import (
    AccountFigures,
    CameraFigures,
    RecorderCameraFigures,
    SubscriberFigures,
)
from camfan_wire.messages import Status
from camfan_wire.states import LIVE, NORMAL, RANK, TROUBLE, CameraState, live_text

NOT_HEARD = "not heard"
STARTING = "starting"

_WELL = ("running", "recording", "watching", "starting")  # beside the NORMAL ones of cameras


@dataclass(frozen=True, slots=True)
class CameraFacts:
    name: str
    title: str  # what people call it; its name if it has none
    state: CameraState
    fps: float | None
    age_s: float | None  # of its newest frame when the broker got it; now, if it is not live
    error_s: float
    lost: int | None
    lost_where: str
    moving: bool
    recorded_until_ns: int | None  # the oldest of its recorders
    recorders: int  # how many record it
    trouble: str
    limits: StateLimits | None = None  # as the broker reports them


@dataclass(frozen=True, slots=True)
class NodeFacts:
    name: str
    kind: str
    host: str
    state: str
    message: str
    well: bool


@dataclass(frozen=True, slots=True)
class SubscriberFacts:
    name: str
    mode: str
    delivered: int | None
    skipped: int | None
    lost: int | None
    lost_why: str
    held: int | None
    age_ms: float | None
    skipped_why: str = ""


@dataclass(frozen=True, slots=True)
class SiteFacts:
    site: str
    connected: bool
    sentence: str  # "14 of 16 live"
    needs: tuple[str, ...]  # each a short sentence
    cameras: tuple[CameraFacts, ...] = field(default=())
    nodes: tuple[NodeFacts, ...] = field(default=())
    subscribers: tuple[SubscriberFacts, ...] = field(default=())

    @property
    def summary(self) -> str:
        """The whole in one line."""
        needs = need_text(self.needs)
        return f"{self.sentence}. {needs}" if needs else f"{self.sentence}."


def gather(
    site: Site,
    words: Mapping[str, LastStatus],
    moving: Callable[[str], bool],
    *,
    connected: bool,
    settled: bool = True,
    trouble: str | None = None,
) -> SiteFacts:
    """Everything the table shows. Not `settled`: a node without a status may be starting.

    `trouble`: why the broker cannot be reached, if that is known.
    """
    cameras = sorted(
        (
            _camera(site, name, words, moving, connected=connected, settled=settled)
            for name in site.cameras
        ),
        key=lambda camera: (RANK[camera.state], camera.name),
    )
    found = _nodes(site, words, connected=connected, settled=settled)
    found.sort(key=lambda node: (node.well, node.name))
    known = _subscribers(site, words)
    return SiteFacts(
        site=site.site,
        connected=connected,
        sentence=live_text(camera.state for camera in cameras),
        needs=tuple(_needs(cameras, found, connected=connected, settled=settled, trouble=trouble)),
        cameras=tuple(cameras),
        nodes=tuple(found),
        subscribers=tuple(
            _subscriber(name, known[name], words)
            for name in sorted(known)
            if known[name].cameras != 0  # without cameras it reads no frames
        ),
    )


def _camera(
    site: Site,
    name: str,
    words: Mapping[str, LastStatus],
    moving: Callable[[str], bool],
    *,
    connected: bool,
    settled: bool,
) -> CameraFacts:
    broker = words.get(broker_of(site, name))
    connected = connected and not (site.brokers and broker is not None and broker.gone)
    figures = None if broker is None else figures_of(name, broker.status)
    silent_s = 0.0 if broker is None else broker.silent_s
    state = _state(figures, heard=connected and broker is not None and not broker.gone)
    age_s, error_s = _age(figures)
    if figures is not None and state not in LIVE and age_s is not None:
        age_s += (figures.silent_ms or 0.0) / 1000 + silent_s
    until, recorders = _recorded(name, words)
    own = words.get(name)
    awaited = state in NORMAL or not (connected or settled)
    trouble = "" if awaited else camera_trouble(name, words, connected=connected)
    if isinstance(site.cameras[name], CustomCamera) and own is None and connected:
        trouble = ""  # it may publish without ever saying how it is
    if not trouble and figures is not None:
        trouble = figures.trouble or ""
    if not trouble and own is not None:
        trouble = _said(own)
    return CameraFacts(
        name=name,
        title=title_of(site, name),
        state=state,
        fps=figures.fps if figures is not None and state in LIVE else None,
        age_s=age_s,
        error_s=error_s,
        lost=_lost(figures, name, words),
        lost_where=_where(figures, name, words),
        moving=moving(name) and state in LIVE,
        recorded_until_ns=until,
        recorders=recorders,
        trouble=trouble,
        limits=limits_said(figures) or planned_pace(site.cameras[name]).limits,
    )


def _state(figures: CameraFigures | None, *, heard: bool) -> CameraState:
    """As the broker reports it; without the broker nothing is live."""
    state = state_said(figures)
    if state is None:
        return "waiting"
    return state if heard or state not in NORMAL else "stale"


def _age(figures: CameraFigures | None) -> tuple[float | None, float]:
    if figures is None or figures.age_ms is None:
        return None, 0.0
    return max(0.0, figures.age_ms / 1000), (figures.age_error_ms or 0.0) / 1000


def _said(own: LastStatus) -> str:
    """What the node of a live camera reports: what is wrong, or was last."""
    if own.status.message:
        return own.status.message.rstrip(".")
    last = None if own.status.publisher is None else own.status.publisher.last_error
    return f"last: {last.rstrip('.')}" if last else ""


def _lost(
    figures: CameraFigures | None, camera: str, words: Mapping[str, LastStatus]
) -> int | None:
    """Frames that are gone for good, as far as is known; the sum of `_losses`."""
    lost = sum(part for part, _ in _losses(figures, camera, words))
    return None if not lost and _never_came(figures) is None else lost


def _never_came(figures: CameraFigures | None) -> int | None:
    """Frames that never reached the broker, neither in time nor late."""
    if figures is None or figures.lost is None:
        return None
    return max(0, figures.lost - (figures.repaired or 0))


def _where(figures: CameraFigures | None, camera: str, words: Mapping[str, LastStatus]) -> str:
    """Where frames were lost, in words; empty when none were."""
    parts = _losses(figures, camera, words)
    return ", ".join(f"{count_text(part)} {why}" for part, why in parts if part)


def _losses(
    figures: CameraFigures | None, camera: str, words: Mapping[str, LastStatus]
) -> list[tuple[int, str]]:
    """How many frames were lost in each place, each counted once."""
    never_came = _never_came(figures) or 0
    own = words.get(camera)
    publisher = None if own is None else own.status.publisher
    refused = min(never_came, 0 if figures is None else sum(figures.refused.values()))
    unsent = min(never_came - refused, 0 if publisher is None else publisher.unsent or 0)
    parts = [
        (unsent, "not sent: the broker was away or the link was full"),
        (never_came - refused - unsent, "between camera and broker"),
        (refused, "refused by the broker"),
    ]
    for recorder, one in _recorders(camera, words):
        parts.append((one.lost, f"not written by {recorder}"))
        only_here = max(0, one.missing - never_came)
        parts.append((only_here, f"never came to {recorder}"))
    return parts


def _recorders(
    camera: str, words: Mapping[str, LastStatus]
) -> list[tuple[str, RecorderCameraFigures]]:
    """The recorders that have reported on this camera, and their figures."""
    return [
        (name, one.status.recorder.cameras[camera])
        for name, one in words.items()
        if one.status.recorder is not None
        and camera in one.status.recorder.cameras
        and not one.gone
    ]


def _recorded(camera: str, words: Mapping[str, LastStatus]) -> tuple[int | None, int]:
    """Until when its recorders have it, the oldest of them, and how many they are."""
    found = [figures.recorded_until for _, figures in _recorders(camera, words)]
    known = [until for until in found if until is not None]
    return (min(known) if known else None), len(found)


def _nodes(
    site: Site, words: Mapping[str, LastStatus], *, connected: bool, settled: bool
) -> list[NodeFacts]:
    rows: list[NodeFacts] = []
    listed: set[str] = set()
    silence = "" if connected else "the broker does not answer"
    for node in nodes(site):
        listed.add(node.name)
        if node.name in words:
            rows.append(_node(node.name, node.kind, node.host, words[node.name], silence))
        elif is_started(node.section):
            state = NOT_HEARD if settled else STARTING
            rows.append(NodeFacts(node.name, node.kind, node.host, state, "", well=not settled))
    rows += [
        _node(name, one.status.kind, "", one, silence)
        for name, one in words.items()
        if name not in listed and not one.gone  # a viewer that was closed is not trouble
    ]
    return rows


def _node(name: str, kind: str, host: str, heard: LastStatus, silence: str) -> NodeFacts:
    if heard.gone or silence:
        return NodeFacts(name, kind, host, "silent", silence, well=False)
    status = heard.status
    return NodeFacts(
        name, kind, host, status.state, status.message or "", well=_is_well(kind, status)
    )


def _is_well(kind: str, status: Status) -> bool:
    """A motion node without pictures is well: what is wrong is wrong with its camera. So is a
    camera that waits for its first picture, unless it says why there is none.
    """
    if status.state == "waiting":
        return kind == "motion" or (kind == "camera" and not status.message)
    return status.state in (*NORMAL, *_WELL)


def _subscribers(site: Site, words: Mapping[str, LastStatus]) -> dict[str, SubscriberFigures]:
    """The brokers' figures of subscribers, by name; sums for one that reads from several."""
    found: dict[str, SubscriberFigures] = {}
    for broker in brokers(site):
        status = words[broker].status if broker in words else None
        said = {} if status is None or status.broker is None else status.broker.subscribers
        for name, figures in said.items():
            found[name] = _sum(found[name], figures) if name in found else figures
    return found


def _sum(one: SubscriberFigures, other: SubscriberFigures) -> SubscriberFigures:
    cameras = (one.cameras or 0) + (other.cameras or 0)
    return replace(other, cameras=cameras, account=_sum_accounts(one.account, other.account))


def _sum_accounts(
    first: AccountFigures | None, second: AccountFigures | None
) -> AccountFigures | None:
    if first is None or second is None:
        return None
    return AccountFigures(
        delivered=first.delivered + second.delivered,
        delivered_bytes=first.delivered_bytes + second.delivered_bytes,
        late=first.late + second.late,
        repeated=first.repeated + second.repeated,
        skipped=dict(Counter(first.skipped) + Counter(second.skipped)),
        lost=dict(Counter(first.lost) + Counter(second.lost)),
        held=first.held + second.held,
    )


def _subscriber(
    name: str, figures: SubscriberFigures, words: Mapping[str, LastStatus]
) -> SubscriberFacts:
    account = figures.account
    return SubscriberFacts(
        name=name,
        mode=figures.mode or "",
        delivered=None if account is None else account.delivered,
        skipped=None if account is None else sum(account.skipped.values()),
        lost=None if account is None else sum(account.lost.values()),
        lost_why="" if account is None else reasons_text(account.lost),
        held=None if account is None else account.held,
        age_ms=_oldest_ms(words[name].status) if name in words else None,
        skipped_why="" if account is None else reasons_text(account.skipped),
    )


def _oldest_ms(status: Status) -> float | None:
    """The greatest age of the frames that a recorder or a motion node got lately."""
    recorded = [] if status.recorder is None else status.recorder.cameras.values()
    watched = [] if status.motion is None else status.motion.cameras.values()
    ages = [*(one.age_ms for one in recorded), *(one.age_ms for one in watched)]
    return max((age for age in ages if age is not None), default=None)


def _needs(
    cameras: list[CameraFacts],
    found: list[NodeFacts],
    *,
    connected: bool,
    settled: bool,
    trouble: str | None,
) -> list[str]:
    if not connected:
        return [trouble or "the broker does not answer"] if settled or trouble else []
    needs = [f"{c.title} is {c.state}" for c in cameras if c.state in TROUBLE]
    told = {camera.name for camera in cameras if camera.state in TROUBLE}
    for node in found:
        if not node.well and node.name not in told and node.name != BROKER:
            how = "was not heard" if node.state == NOT_HEARD else f"is {node.state}"
            why = f": {node.message.split('; ')[0].rstrip('.')}" if node.message else ""
            needs.append(f"{node.name} {how}{why}")
    return needs
