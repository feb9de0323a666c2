"""What a person at a terminal is shown of a site, as rich renderables; nothing is printed here."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from camfan_config.messages.problems import Problem, SiteError
from camfan_config.report.diff import SiteChange, SiteDiff
from camfan_config.report.estimate import (
    Traffic,
    disk_per_day,
    disk_range_per_day,
    is_assumed,
    traffic,
)
from camfan_config.report.graph import consumers, source_of
from camfan_config.site.topology import broker_host, broker_of, brokers, endpoints, hosts, nodes
from camfan_config.text.units import short_bytes, short_rate
from camfan_config.types import Camera, Site


def problems_text(error: SiteError) -> Text:
    """`str(error)` in colour, with the mistake underlined."""
    text = Text()
    for problem in error.problems:
        _problem(text, problem)
    text.append(str(error).rpartition("\n")[2], "bold")
    return text


def _problem(text: Text, problem: Problem) -> None:
    head, *excerpt = str(problem).split("\n")
    place = head[: len(problem.place)]
    text.append(place, "bold").append(head[len(place) :] + "\n")
    if excerpt:
        line = Text(excerpt[0], "dim")
        start = excerpt[0].index("| ") + 1 + problem.column
        line.stylize("bold red underline not dim", start, start + problem.length)
        text.append_text(line).append("\n").append(excerpt[1] + "\n", "red")


def summary(site: Site, warnings: tuple[str, ...]) -> RenderableType:
    """Hosts and their nodes, traffic, disk, warnings."""
    parts: list[RenderableType] = [_hosts(site)]
    disk = disk_per_day(site)
    if disk:
        table = Table("recorder", "path", "a day, about", box=None, pad_edge=False)
        for name, rate in disk.items():
            low, high = disk_range_per_day(site, site.recorders[name])
            about = short_bytes(rate)
            if high > low:
                about += f" ({short_bytes(low)} to {short_bytes(high)}, by scene)"
            table.add_row(name, Text(site.recorders[name].path), about)
        parts += ["", table]
    if any(is_assumed(camera) for camera in site.cameras.values()):
        parts += ["", Text("Where the file has no size or fps: 1280x720, 15 fps.", "dim")]
    if warnings:
        parts += ["", *(Text.assemble(("warning ", "yellow"), words) for words in warnings)]
    count = len(site.cameras)
    good = f"{site.site}: {count} camera{'s' if count > 1 else ''}, no errors."
    return Group(*parts, "", Text(good, "bold"))


def _hosts(site: Site) -> Table:
    table = Table("host", "runs", "sends", "receives", box=None, pad_edge=False)
    flows = traffic(site)
    for host, here in hosts(site).items():
        names = [f"{n.name} ({source_of(n)})" if n.name != n.kind else n.name for n in here]
        flow = flows.get(host, Traffic())
        table.add_row(host, ", ".join(names), _rate(flow.sends), _rate(flow.receives))
    return table


def _rate(bytes_s: float) -> str:
    return f"{bytes_s * 8 / 1e6:.0f} Mbit/s" if bytes_s else "-"


def picture(site: Site) -> RenderableType:
    """Cameras by host on the left, the brokers, what watches them on the right."""
    grid = Table.grid(padding=(0, 1))
    for _ in range(5):
        grid.add_column(vertical="middle")
    hubs = Group(*(_hub(site, name) for name in brokers(site)))
    grid.add_row(_cameras(site), "──▶", hubs, "──▶", _watchers(site))
    return grid


def _hub(site: Site, broker: str) -> RenderableType:
    """A broker; where there are several, with the cameras that are its."""
    lines = [endpoints(site, broker).delivery.removeprefix("tcp://").rpartition(":")[0]]
    if site.brokers:
        lines += [name for name in site.cameras if broker_of(site, name) == broker]
    return _box(lines, broker, broker_host(site, broker))


def _box(lines: list[str], title: str, host: str) -> Panel:
    """Wide enough for all that is written on it; rich forgets the subtitle."""
    width = max(map(len, [*lines, f" {title} ", f" {host} "])) + 4  # edges and blanks
    return Panel(
        Text("\n".join(lines)), title=title, title_align="left", subtitle=host, width=width
    )


def _cameras(site: Site) -> RenderableType:
    boxes: list[RenderableType] = []
    for host, here in hosts(site).items():
        lines = [
            f"{n.name}  [dim]{_about(site.cameras[n.name])}[/]" for n in here if n.kind == "camera"
        ]
        if lines:
            boxes.append(Panel("\n".join(lines), title=host, title_align="left", expand=False))
    return Group(*boxes)


def _about(camera: Camera) -> str:
    size = getattr(camera, "size", None)
    fps = short_rate(camera.fps) if camera.fps else ""
    tag = str(camera.__struct_config__.tag)
    return " ".join(str(part) for part in (tag, size, fps) if part)


def _watchers(site: Site) -> RenderableType:
    watched = consumers(site)
    boxes: list[RenderableType] = []
    for node in nodes(site):
        if node.name not in watched:
            continue
        cameras = watched[node.name]
        lines = ["all cameras"] if set(cameras) == set(site.cameras) else list(cameras)
        title = node.name if node.name == node.kind else f"{node.name}: {node.kind}"
        boxes.append(_box(lines, title, node.host))
    return Group(*boxes) if boxes else Text("no readers yet", "dim")


def diff_text(diff: SiteDiff) -> Text:
    """One line for each key, then the nodes that are affected."""
    text = Text()
    for change in diff.changes:
        text.append(f"{_MARKS[change.sort]} {change.key}", _COLOURS[change.sort])
        text.append(f"{_values(change)}\n")
    if not diff.changes:
        return text.append("no difference")
    for word in ("start", "stop", "restart", "reload"):
        names = getattr(diff, word)
        if names:
            text.append(f"{word + ':':<9}", "bold").append(f"{', '.join(names)}\n")
    return text.append("No other node is affected.", "dim")


_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_COLOURS = {"added": "green", "removed": "red", "changed": "yellow"}


def _values(change: SiteChange) -> str:
    if change.sort == "changed":
        return f": {_value(change.old)} -> {_value(change.new)}"
    value = change.new if change.sort == "added" else change.old
    return "" if isinstance(value, dict) else f": {_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return "{...}" if value else "{}"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
