"""Tables of recordings for a terminal, and output as lines and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from camfan import Event, RecordedClip, RecordedGap
from camfan.recording.retention import Decision
from camfan.recording.rows import ProtectionRow
from camfan_config.text.units import short_bytes, short_duration
from camfan_nodes.monitor.sheet import Column, plain_text, sheet
from camfan_nodes.recordings.summary import RecordedCamera
from camfan_nodes.recordings.times import local_text, zone_text
from camfan_nodes.shared.terminal import Printable

UNKNOWN = "—"
WIDE = 4096  # columns, where the output is not a terminal


@dataclass(frozen=True, slots=True)
class RecordingsTable:
    """Columns that fit the terminal. Rich draws it."""

    names: Column
    fields: list[Column]
    words: Column | None = None

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        words = self.words or Column("", [Text() for _ in self.names.cells])
        yield from sheet(self.names, self.fields, words, options.max_width)


def camera_table(rows: Sequence[RecordedCamera]) -> RecordingsTable:
    zone = zone_text(max(row.end_ns for row in rows))
    return RecordingsTable(
        _column("camera", [row.camera for row in rows]),
        [
            _column(f"from ({zone})", [local_text(row.start_ns) for row in rows]),
            _column("to", [local_text(row.end_ns) for row in rows]),
            _column("recorded", [short_duration(row.seconds) for row in rows], number=True),
            _column("files", [str(row.files) for row in rows], number=True, shed=2),
            _column("size", [short_bytes(row.bytes) for row in rows], number=True),
            _column("gaps", [str(row.gap_count or "") for row in rows], number=True, shed=1),
            _column("missing", [str(row.missing or "") for row in rows], number=True, shed=1),
        ],
    )


def gap_table(rows: Sequence[RecordedGap]) -> RecordingsTable:
    return RecordingsTable(
        _column("from", [_when(row.start or row.noted) for row in rows]),
        [
            _column("to", [_when(row.end) for row in rows]),
            _column("missing", [_count(row.missing) for row in rows], number=True),
            _column("first", [str(row.first) for row in rows], number=True, shed=1),
            _column("last", [_count(row.last) for row in rows], number=True, shed=1),
        ],
        _column("why", [row.reason for row in rows]),
    )


def event_table(rows: Sequence[Event]) -> RecordingsTable:
    return RecordingsTable(
        _column("time", [_when(row.time) for row in rows]),
        [
            _column("kind", [row.kind for row in rows]),
            _column("state", [row.state for row in rows]),
            _column("source", [row.source for row in rows], shed=2),
            _column("event", [row.id for row in rows], shed=1),
        ],
    )


def clip_table(rows: Sequence[RecordedClip]) -> RecordingsTable:
    return RecordingsTable(
        _column("clip", [str(row.id) for row in rows]),
        [
            _column("camera", [row.camera for row in rows]),
            _column("from", [_when(row.start) for row in rows]),
            _column("to", ["" if row.event_end is None else _when(row.end) for row in rows]),
            _column("kind", [row.kind for row in rows]),
            _column("source", [row.source for row in rows], shed=1),
        ],
        _column("name", [row.name or "" for row in rows]),
    )


def protection_table(rows: Sequence[ProtectionRow]) -> RecordingsTable:
    return RecordingsTable(
        _column("id", [str(row.id) for row in rows]),
        [
            _column("camera", [row.camera or "all" for row in rows]),
            _column("from", [_when(row.start_ns) for row in rows]),
            _column("to", [_when(row.end_ns) for row in rows]),
        ],
        _column("note", [row.note for row in rows]),
    )


def decision_table(rows: Sequence[Decision], now_ns: int) -> RecordingsTable:
    return RecordingsTable(
        _column("camera", [row.segment.camera for row in rows]),
        [
            _column("recorded", [_when(row.segment.start_ns) for row in rows]),
            _column("size", [short_bytes(row.segment.bytes) for row in rows], number=True),
            _column("what", [row.action for row in rows]),
            _column("when", [_due(row.time_ns, now_ns) for row in rows]),
            _column("why", [row.reason for row in rows]),
        ],
    )


def _due(time_ns: int, now_ns: int) -> str:
    return "now" if time_ns <= now_ns else local_text(time_ns)[:16]


def print_rendered(*renderables: RenderableType) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=WIDE, highlight=False)  # a pipe gets whole lines
    for renderable in renderables:
        console.print(Printable(renderable))


def print_lines(*lines: str) -> None:
    print_rendered(*(plain_text(line) for line in lines))


def print_json(value: object) -> None:
    data = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(f"{data.decode()}\n")


def _column(name: str, cells: list[str], *, number: bool = False, shed: int = 0) -> Column:
    return Column(name, [plain_text(cell) for cell in cells], number=number, shed=shed)


def _when(time_ns: int | None) -> str:
    return UNKNOWN if time_ns is None else local_text(time_ns)


def _count(number: int | None) -> str:
    return UNKNOWN if number is None else str(number)
