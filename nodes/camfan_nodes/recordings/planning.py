"""`camfan recordings plan`: what retention deletes next, when and why. Nothing is deleted here.

What is due by size is foreseen from the bytes that the last day of each camera took: as if the
disk had less room already, by what will come.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from camfan.recording.queries import IndexReader
from camfan.recording.retention import Decision, Holdings, limits_of, plan_retention
from camfan_config import Keep
from camfan_config.text.units import format_duration, short_bytes
from camfan_nodes.export.manifest import utc_text
from camfan_nodes.recordings.choosing import find_place, opened_index
from camfan_nodes.recordings.tables import decision_table, print_json, print_lines, print_rendered
from camfan_nodes.shared.command import ConfigurationError

DAY_S = 86_400
SHOWN = 20  # lines of the table
MOST = 100_000  # decisions that are looked at


@dataclass(slots=True)
class RetentionForecast:
    """What is recorded, how fast it grows, and what will be deleted."""

    now_ns: int
    until_ns: int
    used: dict[str, int]  # bytes by camera
    hourly: dict[str, float]  # bytes an hour by camera
    free_bytes: int | None
    decisions: list[Decision] = field(default_factory=list)


def plan_deletions(arguments: argparse.Namespace) -> int:
    place = find_place(arguments)
    if place.recorder is None:
        raise ConfigurationError("--path has no `keep:`; name the site file and its recorder")
    keep = place.recorder.keep
    free_bytes = shutil.disk_usage(place.folder).free if place.folder.is_dir() else None
    with opened_index(place) as db:
        forecast = foresee(db, keep, free_bytes, time.time_ns(), arguments.within)
    if arguments.json:
        print_json(_json(forecast))
        return 0
    _say(forecast, keep, arguments.within)
    return 0


def foresee(
    db: sqlite3.Connection, keep: Keep, free_bytes: int | None, now_ns: int, within_s: float
) -> RetentionForecast:
    """Raises sqlite3.Error."""
    reader = IndexReader(db)
    until_ns = now_ns + int(within_s * 1e9)
    used = {row.camera: row.bytes for row in reader.usage()}
    hourly = {camera: _hourly(db, camera) for camera in used}
    forecast = RetentionForecast(now_ns, until_ns, used, hourly, free_bytes)
    grown = {camera: int(rate * within_s / 3600) for camera, rate in hourly.items()}
    usage = [replace(row, bytes=row.bytes + grown[row.camera]) for row in reader.usage()]
    left = None if free_bytes is None else free_bytes - sum(grown.values())
    holdings = Holdings(usage, reader.ordinary, reader.needed, left)
    plan = plan_retention(keep, holdings, now_ns, ages_until_ns=until_ns)
    decisions = _dated(forecast, keep, list(islice(plan, MOST)))
    forecast.decisions = sorted(decisions, key=lambda decision: decision.time_ns)
    return forecast


def _hourly(db: sqlite3.Connection, camera: str) -> float:
    """Bytes an hour of the last day that a camera was recorded."""
    ((end_ns,),) = db.execute(
        "SELECT end_ns FROM segments WHERE camera = ? AND end_ns IS NOT NULL"
        " ORDER BY start_ns DESC LIMIT 1",
        (camera,),
    ).fetchall() or [(None,)]
    if end_ns is None:
        return 0.0
    ((start_ns, size),) = db.execute(
        "SELECT min(start_ns), sum(bytes) FROM segments WHERE camera = ? AND start_ns >= ?",
        (camera, end_ns - DAY_S * 1_000_000_000),
    )
    hours = max((end_ns - start_ns) / 3.6e12, 1 / 60) if start_ns is not None else 1.0
    return (size or 0) / hours


def _dated(forecast: RetentionForecast, keep: Keep, decisions: list[Decision]) -> list[Decision]:
    """With the time at which the room for them will have run out."""
    freed: dict[str, int] = {}
    found = []
    for decision in decisions:
        camera = decision.segment.camera
        if decision.reason != "age":
            due_ns = _due_ns(forecast, keep, decision, freed)
            decision = replace(decision, time_ns=due_ns)
        found.append(decision)
        if decision.action == "delete":
            freed[camera] = freed.get(camera, 0) + decision.segment.bytes
    return found


def _due_ns(
    forecast: RetentionForecast, keep: Keep, decision: Decision, freed: dict[str, int]
) -> int:
    camera = decision.segment.camera
    own, every = limits_of(keep, camera), limits_of(keep)
    all_freed, all_hourly = sum(freed.values()), sum(forecast.hourly.values())
    moments = []
    if own.size is not None:
        room = own.size - forecast.used[camera] + freed.get(camera, 0)
        moments.append(_hours(room, forecast.hourly[camera]))
    if every.size is not None:
        room = every.size - sum(forecast.used.values()) + all_freed
        moments.append(_hours(room, all_hourly))
    least = max((limit.min_free or 0 for limit in (own, every)), default=0)
    if decision.reason == "min_free" and forecast.free_bytes is not None:
        moments = [_hours(forecast.free_bytes - least + all_freed, all_hourly)]
    hours = min((each for each in moments if each is not None), default=0.0)
    return min(forecast.now_ns + int(hours * 3.6e12), forecast.until_ns)


def _hours(room: int, hourly: float) -> float | None:
    """Until the room is full; None: never."""
    if room <= 0:
        return 0.0
    return room / hourly if hourly > 0 else None


def _say(forecast: RetentionForecast, keep: Keep, within_s: float) -> None:
    used, hourly = sum(forecast.used.values()), sum(forecast.hourly.values())
    free = forecast.free_bytes
    print_lines(
        f"{short_bytes(used)} recorded, {short_bytes(hourly)} an hour"
        + ("" if free is None else f", {short_bytes(free)} free")
    )
    if keep == Keep():
        print_lines("nothing is ever deleted: the recorder has no `keep:`")
        if free is not None and hourly > 0:
            print_lines(f"the disk is full in about {_days(free / hourly)}")
        return
    found: Sequence[Decision] = forecast.decisions
    if not found:
        print_lines(f"nothing is deleted within {format_duration(within_s)}")
        return
    print_rendered(decision_table(found[:SHOWN], forecast.now_ns))
    if len(found) > SHOWN:
        size = sum(decision.segment.bytes for decision in found[SHOWN:])
        print_lines(f"and {len(found) - SHOWN} more, {short_bytes(size)}; --json has all")


def _days(hours: float) -> str:
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"


def _json(forecast: RetentionForecast) -> dict[str, object]:
    return {
        "now": utc_text(forecast.now_ns),
        "until": utc_text(forecast.until_ns),
        "free_bytes": forecast.free_bytes,
        "cameras": {
            camera: {"bytes": size, "bytes_per_hour": round(forecast.hourly[camera])}
            for camera, size in forecast.used.items()
        },
        "decisions": [
            {
                "camera": decision.segment.camera,
                "file": decision.segment.path,
                "start": utc_text(decision.segment.start_ns),
                "bytes": decision.segment.bytes,
                "action": decision.action,
                "reason": decision.reason,
                "due": utc_text(decision.time_ns),
            }
            for decision in forecast.decisions
        ],
    }
