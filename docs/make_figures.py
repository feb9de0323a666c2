"""Writes docs/reference/figures.md: every figure of a status, and the metric made from it.

    python docs/make_figures.py

The structs in `camfan_wire.figures` are the source; a test compares the page with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, inspect

from camfan_wire.figures import (
    AccountFigures,
    BrokerFigures,
    CameraFigures,
    MachineFigures,
    MotionCameraFigures,
    PublisherFigures,
    RecorderCameraFigures,
    RecorderFigures,
    SubscriberFigures,
    WebFigures,
)
from camfan_wire.metrics import metric_fields

PAGE = Path(__file__).parent / "reference" / "figures.md"
HEAD = """# Figures and metrics

What the nodes of a site count and measure: in their [statuses](protocol.md#82-statuses), and in
`/metrics` of the broker. This page is made by `python docs/make_figures.py` from the structs in
`broker/camfan_wire/figures.py`.

- A figure that is null or absent is not known; it has no sample. It is never 0 instead.
- Times are in ms (`_ms`), s (`_s`) or ns since 1970; metrics are in seconds.
- A counter starts with the process that counts. Rates are shown to people and are not metrics:
  Prometheus works them out with `rate()`.
- The broker's `/metrics` has the figures of each node that it hears, besides its own, and
  `camfan_node_up{node,kind}` and `camfan_build_info{version}`. A node that is not heard for 6 s has
  no figures there.
"""
# Where it stands in a status, the struct, its subject, and the labels of its metrics.
PARTS: tuple[tuple[str, type[Struct], str, str], ...] = (
    ("machine", MachineFigures, "machine", "`node`"),
    ("publisher", PublisherFigures, "publisher", "`camera`"),
    ("recorder", RecorderFigures, "recorder", "`node`"),
    ("recorder.cameras.NAME", RecorderCameraFigures, "recorder", "`node`, `camera`"),
    ("motion.cameras.NAME", MotionCameraFigures, "motion", "`node`, `camera`"),
    ("web", WebFigures, "web", "`node`"),
    ("broker", BrokerFigures, "broker", ""),
    ("broker.cameras.NAME", CameraFigures, "camera", "`camera`"),
    ("broker.subscribers.NAME", SubscriberFigures, "subscriber", "`subscriber`"),
    (
        "broker.subscribers.NAME.account",
        AccountFigures,
        "subscriber",
        "`subscriber`, `camera`; the status has the sums of all cameras",
    ),
)


def page() -> str:
    """The whole page."""
    return "\n".join((HEAD, *(_part(*part) for part in PARTS)))


def _part(place: str, struct: type[Struct], subject: str, labels: str) -> str:
    text = " ".join((struct.__doc__ or "").split())
    lines = [f"## `{place}`", "", text, ""]
    lines += [f"Labels: {labels}.", ""] if labels else []
    lines += ["| figure | meaning | metric |", "|---|---|---|", *_rows(struct, subject), ""]
    return "\n".join(lines)


def _rows(struct: type[Struct], subject: str) -> Iterator[str]:
    metrics = {metric.field: metric for metric in metric_fields(struct, subject)}
    found = inspect.type_info(struct)
    assert isinstance(found, inspect.StructType)
    for field in found.fields:
        if not isinstance(field.type, inspect.Metadata) or not field.type.extra_json_schema:
            continue
        metric = metrics.get(field.name)
        name = "" if metric is None else metric.name
        total = "_total" if metric is not None and metric.kind == "counter" else ""
        label = "" if metric is None or not metric.label else f"{{{metric.label}}}"
        shown = f"`{name}{total}{label}`" if name else ""
        yield f"| `{field.name}` | {field.type.extra_json_schema['description']} | {shown} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
