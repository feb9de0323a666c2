"""What nodes count and measure: the figures of their statuses, from which `/metrics` is made.

Adding a figure is adding a field here: its description is the help text of the metric, and its kind
and unit say how `camfan_wire.metrics` names it. None is unknown, never 0; a node may leave out any
field. Counters start with the process of the node.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from camfan_wire.header import Camera, Count, Nanoseconds, Position

Text = Annotated[str, Meta(max_length=1000)]
Counts = Annotated[dict[Annotated[str, Meta(max_length=64)], Count], Meta(max_length=64)]


def _metric(kind: str, text: str, unit: str, label: str = "") -> Meta:
    return Meta(description=text, extra={"metric": kind, "unit": unit, "label": label})


def counter(text: str, unit: str = "") -> Meta:
    """Only grows while the node runs."""
    return _metric("counter", text, unit)


def reasons(text: str, unit: str = "") -> Meta:
    """Of a `Counts`: a counter for each reason."""
    return _metric("counter", text, unit, "reason")


def by_key(text: str, unit: str = "") -> Meta:
    """A gauge for each key."""
    return _metric("gauge", text, unit, "key")


def gauge(text: str, unit: str = "") -> Meta:
    """Goes up and down; of a bool 1 or 0."""
    return _metric("gauge", text, unit)


def state(text: str) -> Meta:
    """One word of `STATES`: a row for each, 1 for the present one and 0 for the others."""
    return _metric("state", text, "", "state")


def shown(text: str) -> Meta:
    """For people only: words, or a rate that Prometheus works out of a counter."""
    return Meta(description=text)


class MachineFigures(Struct, frozen=True, kw_only=True):
    """The machine that a node runs on."""

    temperature_c: Annotated[float | None, gauge("Temperature of the processor", "celsius")] = None
    throttled: Annotated[
        bool | None, gauge("1 while the processor is slowed down by heat or voltage")
    ] = None
    under_voltage: Annotated[bool | None, gauge("1 while the supply voltage is too low")] = None
    wifi_quality: Annotated[float | None, gauge("Wi-Fi link quality, 0 to 1", "ratio")] = None
    wifi_dbm: Annotated[float | None, gauge("Wi-Fi signal", "dbm")] = None
    memory_available_bytes: Annotated[
        Count | None, gauge("Memory that programs can still take", "bytes")
    ] = None
    disk_free_bytes: Annotated[Count | None, gauge("Free space of the system disk", "bytes")] = None


class PublisherFigures(Struct, frozen=True, kw_only=True):
    """A camera, as its own node counts it.

    captured = sent + unsent + unwanted + uplink + refused, over the present run.
    """

    uptime_s: Annotated[float | None, gauge("Time since the node started", "s")] = None
    restart_reason: Annotated[Text | None, shown("Why the node was started again")] = None
    fps_in: Annotated[float | None, shown("Frames per second from the source")] = None
    fps_sent: Annotated[float | None, shown("Frames per second sent to the broker")] = None
    bytes_per_s: Annotated[float | None, shown("Bytes per second sent to the broker")] = None
    encode_ms: Annotated[float | None, gauge("Time to encode a frame, smoothed", "ms")] = None
    width: Annotated[Count | None, gauge("Width of a frame", "pixels")] = None
    height: Annotated[Count | None, gauge("Height of a frame", "pixels")] = None
    unreadable: Annotated[
        Count | None, counter("Damaged frames of the source, not numbered", "frames")
    ] = None
    source_dropped: Annotated[
        Count | None, counter("Frames that the source dropped before they were read", "frames")
    ] = None
    reopened: Annotated[Count | None, counter("Times that the source was opened again")] = None
    last_error: Annotated[Text | None, shown("The last error of the source")] = None
    last_frame: Annotated[Position | None, shown("Run and sequence of the newest frame")] = None
    last_frame_time: Annotated[
        Nanoseconds | None,
        gauge("When the newest frame was captured, on the camera's clock", "timestamp"),
    ] = None
    captured: Annotated[Count | None, counter("Frames that were numbered", "frames")] = None
    sent: Annotated[
        Count | None, counter("Frames handed to the network when they were published", "frames")
    ] = None
    unsent: Annotated[
        Count | None,
        counter("Frames not sent at once: the broker was away or the link was full", "frames"),
    ] = None
    unwanted: Annotated[
        Count | None, counter("Frames not made: no subscriber wanted them", "frames")
    ] = None
    uplink: Annotated[
        Count | None, counter("Frames not made: the link does not carry them", "frames")
    ] = None
    refused: Annotated[
        Count | None, counter("Frames that were not a JPEG within the limits", "frames")
    ] = None
    late: Annotated[Count | None, counter("Frames sent afterwards to repair a gap", "frames")] = (
        None
    )
    ring_frames: Annotated[Count | None, gauge("Frames in the ring in memory", "frames")] = None
    ring_bytes: Annotated[Count | None, gauge("Size of the ring in memory", "bytes")] = None
    ring_s: Annotated[float | None, gauge("Oldest to newest frame of the ring", "s")] = None
    ring_oldest: Annotated[Count | None, shown("Sequence of the oldest frame in the ring")] = None
    disk_frames: Annotated[Count | None, gauge("Frames in the ring on disk", "frames")] = None
    disk_bytes: Annotated[Count | None, gauge("Size of the ring on disk", "bytes")] = None
    disk_s: Annotated[float | None, gauge("Oldest to newest frame on disk", "s")] = None
    disk_lost: Annotated[
        Count | None, counter("Frames that the ring on disk could not take", "frames")
    ] = None
    disk_error: Annotated[Text | None, shown("What is wrong with the ring on disk")] = None
    demand: Annotated[Count | None, gauge("Layers that subscribers want, 0 to 4")] = None
    layers: Annotated[Count | None, gauge("Layers that the link carries, 1 to 4")] = None
    quality: Annotated[Count | None, gauge("Quality of the next JPEG, 1 to 100")] = None
    adapted: Annotated[Text | None, shown("Why layers or quality are lower than asked")] = None
    set_fps: Annotated[float | None, shown("Frames per second as set by an operator")] = None
    set_quality: Annotated[Count | None, shown("JPEG quality as set by an operator")] = None


class CameraFigures(Struct, frozen=True, kw_only=True):
    """A camera, as the broker sees it. numbered = received + unwanted + lost."""

    state: Annotated[str, state("1 for the state of the camera")] = "waiting"
    since: Annotated[
        Nanoseconds | None,
        gauge("When it came into this state, on the broker's clock", "timestamp"),
    ] = None
    fps: Annotated[float | None, shown("Frames per second over the last 3 s")] = None
    bytes_per_s: Annotated[float | None, shown("Bytes per second over the last 3 s")] = None
    interval_ms: Annotated[float | None, gauge("Usual time between two frames", "ms")] = None
    late_after_ms: Annotated[float | None, gauge("A frame older than this is late", "ms")] = None
    stale_after_ms: Annotated[
        float | None, gauge("Without a new frame for this long it is stale", "ms")
    ] = None
    offline_after_ms: Annotated[
        float | None, gauge("Without a new frame for this long it is offline", "ms")
    ] = None
    layers: Annotated[Count | None, gauge("Layers that subscribers want, 0 to 4")] = None
    numbered: Annotated[Count | None, counter("Frames that the camera numbered", "frames")] = None
    received: Annotated[Count | None, counter("Frames accepted from the camera", "frames")] = None
    received_bytes: Annotated[
        Count | None, counter("Bytes of frames accepted from the camera", "bytes")
    ] = None
    unwanted: Annotated[
        Count | None,
        counter("Frames that the camera only numbered: no subscriber wanted them", "frames"),
    ] = None
    lost: Annotated[
        Count | None, counter("Frames that the camera numbered and that never arrived", "frames")
    ] = None
    repaired: Annotated[
        Count | None, counter("Lost frames that came later, from the camera's ring", "frames")
    ] = None
    refused: Annotated[Counts, reasons("Frames not accepted", "frames")] = {}
    trouble: Annotated[Text | None, shown("Why frames were refused in the last minute")] = None
    runs: Annotated[Count | None, counter("Runs of the camera process")] = None
    last_sequence: Annotated[Count | None, gauge("Sequence of the newest frame")] = None
    last_frame_time: Annotated[
        Nanoseconds | None,
        gauge("When the newest frame came, on the broker's clock", "timestamp"),
    ] = None
    silent_ms: Annotated[float | None, gauge("Time since the newest frame came", "ms")] = None
    age_ms: Annotated[
        float | None, gauge("Age of the newest frame when it reached the broker", "ms")
    ] = None
    age_error_ms: Annotated[float | None, gauge("Bound of the error of that age", "ms")] = None
    ring_frames: Annotated[Count | None, gauge("Frames in the broker's ring", "frames")] = None
    ring_bytes: Annotated[Count | None, gauge("Size of the broker's ring", "bytes")] = None


class AccountFigures(Struct, frozen=True, kw_only=True):
    """What became of frames for a subscriber: captured = delivered + skipped + lost + held."""

    delivered: Annotated[Count, counter("Frames sent to the subscriber", "frames")] = 0
    delivered_bytes: Annotated[
        Count, counter("Bytes of frames sent to the subscriber", "bytes")
    ] = 0
    late: Annotated[Count, counter("Frames sent that had to be repaired (every)", "frames")] = 0
    repeated: Annotated[
        Count, counter("Frames sent again because a connection broke (every)", "frames")
    ] = 0
    skipped: Annotated[
        Counts, reasons("Frames not wanted, or replaced by a newer one", "frames")
    ] = {}
    lost: Annotated[
        Counts, reasons("Frames that the subscriber wanted and did not get", "frames")
    ] = {}
    held: Annotated[Count, gauge("Frames not decided yet", "frames")] = 0


class SubscriberFigures(Struct, frozen=True, kw_only=True):
    """A subscriber on delivery, as the broker sees it."""

    kind: Annotated[Text | None, shown("Kind of node, from its hello")] = None
    mode: Annotated[Text | None, shown("latest or every")] = None
    cameras: Annotated[Count | None, gauge("Cameras that it subscribed to")] = None
    credit: Annotated[Count | None, gauge("Frames that it can take now", "frames")] = None
    account: AccountFigures | None = None  # of all its cameras together


class BrokerFigures(Struct, frozen=True, kw_only=True):
    """The broker."""

    peers: Annotated[Count | None, gauge("Peers of the delivery socket")] = None
    listeners: Annotated[Count | None, gauge("Connections that subscribed on fanout")] = None
    connections: Annotated[Count | None, gauge("Connections to the three ports")] = None
    refused_frames: Annotated[
        Counts, reasons("Frames not accepted that belong to no camera", "frames")
    ] = {}
    refused_messages: Annotated[Counts, reasons("Control messages not accepted")] = {}
    refused_subscriptions: Annotated[Counts, reasons("Subscriptions on fanout not granted")] = {}
    denied: Annotated[Counts, reasons("Attempts of peers to do what they may not")] = {}
    suspended_s: Annotated[
        dict[str, float], by_key("For how long the key of this name is still not admitted", "s")
    ] = {}
    ring_bytes: Annotated[Count | None, gauge("Size of all rings", "bytes")] = None
    memory_bytes: Annotated[Count | None, gauge("Memory of the process", "bytes")] = None
    insecure: Annotated[bool | None, gauge("1 if anyone on the network can watch and publish")] = (
        None
    )
    gatekeeper: Annotated[bool | None, gauge("1 while new connections can be let in")] = None
    cameras: dict[Camera, CameraFigures] = {}
    subscribers: dict[str, SubscriberFigures] = {}  # by name


class RecorderCameraFigures(Struct, frozen=True, kw_only=True):
    """One camera of a recorder."""

    frames: Annotated[Count, counter("Frames written", "frames")] = 0
    bytes: Annotated[Count, counter("Bytes written", "bytes")] = 0
    repeated: Annotated[
        Count, counter("Frames that came again and were there already", "frames")
    ] = 0
    lost: Annotated[Count, counter("Frames that came and could not be written", "frames")] = 0
    skipped: Annotated[Count, counter("Frames that the mode does not keep", "frames")] = 0
    missing: Annotated[Count, counter("Frames that the broker reported as gaps", "frames")] = 0
    recorded_until: Annotated[
        Nanoseconds | None,
        gauge("Capture time of the newest frame written, on the broker's clock", "timestamp"),
    ] = None
    age_ms: Annotated[float | None, gauge("Age of a recent frame when it came", "ms")] = None
    bytes_per_hour: Annotated[
        float | None, gauge("Bytes recorded in an hour, over the last day", "bytes")
    ] = None


class RecorderFigures(Struct, frozen=True, kw_only=True):
    """A recorder."""

    disk_free_bytes: Annotated[
        Count | None, gauge("Free space of the disk of the recordings", "bytes")
    ] = None
    deleted_bytes: Annotated[Count, counter("Bytes of recordings deleted by `keep`", "bytes")] = 0
    full_s: Annotated[
        float | None, gauge("Time until the disk is full, where `keep` does not prevent it", "s")
    ] = None
    stays_s: Annotated[
        float | None, gauge("How long recordings stay, at the present rate", "s")
    ] = None
    cameras: dict[Camera, RecorderCameraFigures] = {}


class MotionCameraFigures(Struct, frozen=True, kw_only=True):
    """One camera of a motion node."""

    frames: Annotated[Count, counter("Frames looked at", "frames")] = 0
    undecodable: Annotated[Count, counter("Frames that could not be decoded", "frames")] = 0
    events: Annotated[Count, counter("Events that began")] = 0
    motion: Annotated[bool | None, gauge("1 while something moves")] = None
    age_ms: Annotated[float | None, gauge("Age of the last frame when it came", "ms")] = None
    frame_ms: Annotated[float | None, gauge("Time spent on a frame, on average", "ms")] = None


class MotionFigures(Struct, frozen=True, kw_only=True):
    """A motion node."""

    cameras: dict[Camera, MotionCameraFigures] = {}


class WebFigures(Struct, frozen=True, kw_only=True):
    """A web server; all its pages together, those that were closed included."""

    frames: Annotated[Count, counter("Frames that came from the broker", "frames")] = 0
    pages: Annotated[Count, gauge("Pages that are open")] = 0
    sent: Annotated[Count, counter("Frames sent to pages", "frames")] = 0
    sent_bytes: Annotated[Count, counter("Bytes of frames sent to pages", "bytes")] = 0
    skipped: Annotated[
        Count, counter("Frames replaced by a newer one before a page could take them", "frames")
    ] = 0
