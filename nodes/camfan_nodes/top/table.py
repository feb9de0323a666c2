"""The facts of a site as a table for a terminal: trouble first, then by name.

What is well has no colour. Columns that a narrow terminal has no room for are left out, the least
important first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Column, Table
from rich.text import Text

from camfan_nodes.top.facts import CameraFacts, NodeFacts, SiteFacts, SubscriberFacts
from camfan_nodes.viewer import tokens
from camfan_nodes.viewer.words import (
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
NOTE, QUIET = tokens.css(tokens.NOTE), tokens.css(tokens.QUIET)
_STATE_STYLE: dict[CameraState, str] = {
    "live": "", "late": WARN, "stale": WARN, "offline": BAD,
    "waiting": QUIET, "idle": QUIET, "ended": QUIET,
}  # fmt: skip
_NARROW = 80
_CAMERA_COLUMNS = (  # each from the width on at which it has room
    (0, "camera"), (100, "title"), (0, "state"), (60, "fps"), (0, "age"), (0, "lost"),
    (80, "motion"), (80, "recorded until"), (110, "trouble"),
)  # fmt: skip
_WORDS = ("camera", "title", "state", "motion", "recorded until", "trouble")


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
        yield _cameras(self.facts.cameras, self.now_ns, width)
        yield Text()
        yield _nodes(self.facts.nodes, width)
        if self.facts.subscribers:
            yield Text()
            yield _subscribers(self.facts.subscribers, width)
        if self.footer:
            yield Text()
            yield Text(self.footer, style=QUIET)


def _head(facts: SiteFacts) -> Text:
    needs = need_text(facts.needs)
    text = Text.assemble((facts.sentence, "bold"), ("  " + facts.site, QUIET))
    if needs:
        text.append("\n" + needs, style=WARN if facts.connected else BAD)
    return text


def _table(*columns: Column) -> Table:
    return Table(
        *columns, box=None, padding=(0, 2, 0, 0), header_style=QUIET, pad_edge=False, expand=False
    )


def _text(name: str) -> Column:
    return Column(name, no_wrap=True, overflow="ellipsis")


def _number(name: str) -> Column:
    return Column(name, no_wrap=True, justify="right")


def _cameras(cameras: Iterable[CameraFacts], now_ns: int, width: int) -> Table:
    cameras = list(cameras)
    shown = [column for least, column in _CAMERA_COLUMNS if width >= least]
    if all(camera.title == camera.name for camera in cameras):
        shown = [column for column in shown if column != "title"]
    table = _table(*(_text(name) if name in _WORDS else _number(name) for name in shown))
    for camera in cameras:
        style = _STATE_STYLE[camera.state]
        cells = {
            "camera": Text(camera.name),
            "title": Text("" if camera.title == camera.name else camera.title, style=QUIET),
            "state": Text(camera.state, style=style),
            "fps": _rate(camera.fps),
            "age": _age(camera),
            "lost": _lost(camera.lost),
            "motion": Text("motion" if camera.moving else "", style=NOTE),
            "recorded until": _recorded(camera, now_ns),
            "trouble": Text(_trouble(camera), style=style or QUIET),
        }
        table.add_row(*(cells[name] for name in shown))
    return table


def _rate(fps: float | None) -> Text:
    if fps is None:
        return Text(UNKNOWN)
    return Text(f"{fps:.1f}" if fps >= 0.25 or not fps else fps_text(fps))


def _age(camera: CameraFacts) -> Text:
    if camera.state == "waiting":
        return Text(NO_PICTURE, style=QUIET)
    style = _STATE_STYLE[camera.state]
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


def _nodes(nodes: Iterable[NodeFacts], width: int) -> Table:
    columns = [_text("node"), _text("kind"), _text("host"), _text("state")]
    if width >= _NARROW:
        columns.append(_text("says"))
    table = _table(*columns)
    for node in nodes:
        cells = [
            Text(node.name),
            Text(node.kind),
            Text(node.host or UNKNOWN),
            Text(node.state, style="" if node.well else WARN),
            Text(node.message, style=QUIET if node.well else WARN),
        ]
        table.add_row(*cells[: len(columns)])
    return table


def _subscribers(subscribers: Iterable[SubscriberFacts], width: int) -> Table:
    columns = [
        _text("subscriber"), _text("mode"), _number("delivered"), _number("skipped"),
        _number("lost"), _number("held"), _number("age"),
    ]  # fmt: skip
    if width >= _NARROW:
        columns.append(_text("lost because"))
    table = _table(*columns)
    for one in subscribers:
        cells = (
            Text(one.name),
            Text(one.mode),
            _count(one.delivered),
            _count(one.skipped),
            _lost(one.lost),
            _count(one.held),
            Text(UNKNOWN if one.age_ms is None else f"{one.age_ms:.0f} ms"),
            Text(one.lost_why, style=WARN),
        )
        table.add_row(*cells[: len(columns)])
    return table


def _count(number: int | None) -> Text:
    return Text(UNKNOWN if number is None else count_text(number))
