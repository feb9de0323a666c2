"""The facts of a site as a table for a terminal: trouble first, then by name.

What is well has no colour. Names and states are never cut, and sentences wrap. Columns that are
empty, or that a narrow terminal has no room for, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from camfan_config.text.printable import printable
from camfan_nodes.monitor import tokens
from camfan_nodes.monitor.facts import CameraFacts, NodeFacts, SiteFacts, SubscriberFacts
from camfan_nodes.monitor.sheet import QUIET, Column, plain_text, sheet
from camfan_nodes.monitor.words import (
    AGE_UNKNOWN,
    NO_PICTURE,
    UNKNOWN,
    age_text,
    count_text,
    fps_text,
    need_text,
    old_text,
    time_text,
)
from camfan_wire.states import LIVE, CameraState

WARN, BAD = tokens.css(tokens.WARN), tokens.css(tokens.BAD)
NOTE = tokens.css(tokens.NOTE)
_STATE_STYLE: dict[CameraState, str] = {
    "live": "", "late": WARN, "stale": WARN, "offline": BAD,
    "waiting": QUIET, "idle": QUIET, "ended": QUIET,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SiteTable:
    """Rich draws it. `footer` is a last line, such as where the logs are."""

    facts: SiteFacts
    now_ns: int  # site clock
    footer: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        yield _head(self.facts)
        yield Text()
        yield from _cameras(self.facts.cameras, self.now_ns, width)
        yield Text()
        yield from _nodes(self.facts.nodes, width)
        if self.facts.subscribers:
            yield Text()
            yield from _subscribers(self.facts.subscribers, width)
        if self.footer:
            yield Text()
            yield plain_text(self.footer, QUIET)


def _head(facts: SiteFacts) -> Text:
    needs = need_text(facts.needs)
    text = Text.assemble((facts.sentence, "bold"), ("  " + facts.site, QUIET), overflow="fold")
    if needs:
        text.append("\n" + printable(needs), style=WARN if facts.connected else BAD)
    return text


def _figure(name: str, cells: list[Text], shed: int = 0) -> Column:
    return Column(name, cells, number=True, shed=shed)


def _cameras(cameras: Sequence[CameraFacts], now_ns: int, width: int) -> Iterator[RenderableType]:
    style = {camera.name: _STATE_STYLE[camera.state] for camera in cameras}
    titles = [c.title if c.title != c.name else "" for c in cameras]
    recorded = any(camera.recorders for camera in cameras)
    return sheet(
        Column("camera", [plain_text(c.name) for c in cameras]),
        [
            Column("title", [plain_text(title, QUIET) for title in titles], shed=4),
            Column("state", [plain_text(c.state, style[c.name]) for c in cameras]),
            _figure("fps", [_rate(c.fps) for c in cameras], shed=2),
            _figure("age", [_age(c) for c in cameras]),
            _figure("lost", [_lost(c.lost) for c in cameras], shed=1),
            Column("motion", [Text("motion" if c.moving else "", NOTE) for c in cameras], shed=3),
            Column(
                "recorded until",
                [_recorded(c, now_ns) if recorded else Text() for c in cameras],
                shed=5,
            ),
        ],
        Column("trouble", [plain_text(_trouble(c), style[c.name] or QUIET) for c in cameras]),
        width,
    )


def _rate(fps: float | None) -> Text:
    if fps is None:
        return Text(UNKNOWN)
    return Text(f"{fps:.1f}" if fps >= 0.25 or not fps else fps_text(fps))


def _age(camera: CameraFacts) -> Text:
    style = _STATE_STYLE[camera.state]
    if camera.age_s is None and camera.state not in LIVE:
        return Text(NO_PICTURE, style=style or QUIET)
    if camera.age_s is None:
        return Text(AGE_UNKNOWN, style=style or WARN)
    if camera.state in LIVE:
        return Text(age_text(camera.age_s, camera.error_s), style=style)
    return Text(old_text(camera.age_s), style=style)


def _lost(lost: int | None) -> Text:
    if lost is None:
        return Text(UNKNOWN)
    return Text(count_text(lost), style=BAD if lost else "")


def _recorded(camera: CameraFacts, now_ns: int) -> Text:
    if camera.recorded_until_ns is not None:
        return Text(time_text(camera.recorded_until_ns, now_ns))
    return Text(UNKNOWN if camera.recorders else "not recorded", style=QUIET)


def _trouble(camera: CameraFacts) -> str:
    return "; ".join(part for part in (camera.trouble, camera.lost_where) if part)


def _nodes(nodes: Sequence[NodeFacts], width: int) -> Iterator[RenderableType]:
    style = ["" if node.well else WARN for node in nodes]
    return sheet(
        Column("node", [plain_text(node.name) for node in nodes]),
        [
            Column("kind", [plain_text(node.kind) for node in nodes], shed=1),
            Column("host", [plain_text(node.host or UNKNOWN) for node in nodes], shed=2),
            Column("state", [plain_text(n.state, style[at]) for at, n in enumerate(nodes)]),
        ],
        Column("says", [plain_text(n.message, style[at] or QUIET) for at, n in enumerate(nodes)]),
        width,
    )


def _subscribers(subscribers: Sequence[SubscriberFacts], width: int) -> Iterator[RenderableType]:
    return sheet(
        Column("subscriber", [plain_text(one.name) for one in subscribers]),
        [
            Column("mode", [plain_text(one.mode) for one in subscribers], shed=4),
            _figure("delivered", [_count(one.delivered) for one in subscribers], shed=2),
            _figure("skipped", [_count(one.skipped) for one in subscribers], shed=3),
            _figure("lost", [_lost(one.lost) for one in subscribers]),
            _figure("held", [_count(one.held) for one in subscribers], shed=1),
            _figure("age", [_milliseconds(one.age_ms) for one in subscribers], shed=5),
        ],
        Column("lost because", [plain_text(one.lost_why, WARN) for one in subscribers]),
        width,
    )


def _milliseconds(age_ms: float | None) -> Text:
    return Text(UNKNOWN if age_ms is None else f"{age_ms:.0f} ms")


def _count(number: int | None) -> Text:
    return Text(UNKNOWN if number is None else count_text(number))
