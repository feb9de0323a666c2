"""Events, status reports and the control messages of the delivery socket.

Each is one JSON object. Unknown keys are ignored, so that both sides can be updated one by one; a
missing or wrongly typed key refuses the message.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from camfan_config.names import NAME_PATTERN
from camfan_wire.errors import WireError
from camfan_wire.figures import (
    BrokerFigures,
    MachineFigures,
    MotionFigures,
    PublisherFigures,
    RecorderFigures,
    Text,
    WebFigures,
)
from camfan_wire.header import Camera, Count, Nanoseconds, Position, Run
from camfan_wire.text import check_text

PROTOCOL = 1
MAX_MESSAGE_BYTES = 65_536  # of a node
MAX_BROKER_MESSAGE_BYTES = 4_000_000  # of the broker, whose status has all cameras
MAX_CREDIT = 64  # frames under way to one subscriber
MAX_CAMERA_PATTERNS = 1024  # of one subscription

# Why a broker refuses a publisher (`code` of `refused`) or its frames; also reasons of gaps.
PUBLISHED = "published"  # another process publishes the camera
TAKEN_OVER = "taken-over"  # another process publishes it from now on
OTHER_PUBLISHER = "other-publisher"

T = TypeVar("T")

EventState = Literal["start", "update", "end"]
Outcome = Literal[
    "captured", "sent", "received", "delivered", "recorded", "skipped", "held", "lost", "unknown"
]
Identifier = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(pattern=rf"^{NAME_PATTERN}\Z")]
CameraPattern = Annotated[str, Meta(max_length=64)]
Ago = Annotated[int, Meta(ge=0, le=2**62)]  # ns


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened at a time; topic `event/<source>/<kind>/`.

    Attributes:
        id: the same in the start, the updates and the end of one event; unique for its source.
        time: when it happened, ns since 1970 on the broker's clock.
        source: name of the node that reports it.
        kind: what happens, in one word: motion, camera-offline, …
        state: start, update or end.
        camera: the camera it is about; None: not about one camera.
        details: JSON values that depend on the kind: boxes, area, zones, …
    """

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    time: Nanoseconds
    source: Name
    kind: Name
    state: EventState
    camera: Camera | None = None
    details: dict[str, object] = {}


class Report(Struct, frozen=True):
    """What a node reports about itself; with its name and the time it is a `Status`.

    Attributes:
        state: one word: live, waiting, recording, …
        message: the present trouble, in a sentence; None: there is no trouble.
        machine: figures of the machine that it runs on; None: not known.
        publisher: figures of a camera; None, as the next: it is not one.
        recorder: of a recorder.
        motion: of a motion node.
        web: of a web server.
    """

    state: str
    message: str | None = None
    machine: MachineFigures | None = None
    publisher: PublisherFigures | None = None
    recorder: RecorderFigures | None = None
    motion: MotionFigures | None = None
    web: WebFigures | None = None


class Status(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a node is, every 2 s and on change; topic `status/<node>/`.

    A node fills in the figures of what it is; `broker` is the broker's alone. Unknown is None.
    """

    node: Name
    kind: Name  # camera, recorder, motion, viewer, broker, …
    time: Nanoseconds  # the node's wall clock
    state: Annotated[str, Meta(max_length=32)]  # one word: live, waiting, recording, …
    message: Text | None = None  # the present trouble, in a sentence
    machine: MachineFigures | None = None
    publisher: PublisherFigures | None = None
    recorder: RecorderFigures | None = None
    motion: MotionFigures | None = None
    web: WebFigures | None = None
    broker: BrokerFigures | None = None


class Hello(Struct, frozen=True, kw_only=True, tag_field="type", tag="hello", omit_defaults=True):
    """Introduces a peer: the answer to each `welcome`, and the first message of a connection."""

    protocol: int
    name: Name
    kind: Name
    session: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]  # survives reconnections
    camfan: Annotated[str, Meta(max_length=32)] | None = None
    publishes: Camera | None = None  # the camera of this peer, which answers demand and repair
    site: Name | None = None  # this peer is the broker of that site, and takes cameras from here
    run: Run | None = None  # of the frames that it publishes
    host: Annotated[str, Meta(max_length=64)] | None = None  # its machine's name, for people
    take_over: bool = False  # publish the camera though another process does


class Subscribe(
    Struct, frozen=True, kw_only=True, tag_field="type", tag="subscribe", omit_defaults=True
):
    """What this peer wants from now on; it replaces the previous subscription."""

    cameras: Annotated[list[CameraPattern], Meta(max_length=MAX_CAMERA_PATTERNS)] = []
    mode: Literal["latest", "every"] = "latest"
    credit: Annotated[int, Meta(ge=0, le=MAX_CREDIT)] = 0
    window: Annotated[int, Meta(ge=1, le=2**40)] | None = None  # bytes under way, at most; `every`
    max_fps: Annotated[float, Meta(ge=0.001, le=1000)] | None = None  # per camera; `latest` only
    since: dict[Camera, Position] = {}  # the last frame it has, by camera
    since_time: Nanoseconds | None = None  # `every`, cameras not in `since`: from this broker time
    since_ago: Ago | None = None  # the same, counted from now; and at least the newest frame
    topics: Annotated[list[Annotated[str, Meta(max_length=140)]], Meta(max_length=64)] = []
    open: bool = True  # events that are open already come at once, as their last message
    idle: bool = False  # unwatched: frames that come anyway are enough, no camera is asked


class Credit(Struct, frozen=True, tag_field="type", tag="credit", omit_defaults=True):
    frames: Annotated[int, Meta(ge=1, le=MAX_CREDIT)]
    bytes: Annotated[int, Meta(ge=0, le=2**40)] = 0  # of these frames; where `window` was set


class Heartbeat(Struct, frozen=True, tag_field="type", tag="heartbeat"):
    """Sent each second by a peer, and sent back by the broker."""


class Probe(Struct, frozen=True, tag_field="type", tag="probe"):
    """Asks for the time; counts as a heartbeat."""

    sent: Nanoseconds  # on any clock of the sender


class Bye(Struct, frozen=True, tag_field="type", tag="bye"):
    """The peer leaves; the broker need not wait for its silence."""


class Reload(Struct, frozen=True, tag_field="type", tag="reload"):
    """Read the site file again."""


class Set(Struct, frozen=True, kw_only=True, tag_field="type", tag="set"):
    """Change a camera while it runs; the broker passes it on. Null: as in the site file."""

    camera: Camera
    fps: Annotated[float, Meta(gt=0, le=1000)] | None = None
    quality: Annotated[int, Meta(ge=1, le=100)] | None = None


class Record(Struct, frozen=True, kw_only=True, tag_field="type", tag="record", omit_defaults=True):
    """Start or stop a manual recording; to the broker, which passes it on to the recorders."""

    camera: Camera
    on: bool
    name: Annotated[str, Meta(min_length=1, max_length=60)] | None = None  # of the recording
    seconds: Annotated[float, Meta(gt=0, le=604800)] | None = None  # null: until it is stopped


class RecordReceipt(Struct, frozen=True, kw_only=True, tag_field="type", tag="record-receipt"):
    """The answer to `record`: the recorders of the camera, to which it was passed on."""

    camera: Camera
    recorders: list[str]


class Trace(Struct, frozen=True, kw_only=True, tag_field="type", tag="trace"):
    """Asks what became of one frame; the broker also asks the camera and the recorders."""

    id: Identifier
    camera: Camera
    sequence: Count
    run: Run | None = None  # null: the newest run that has this sequence


class Hop(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one node knows about one frame."""

    node: str  # the camera, `broker`, or a subscriber
    outcome: Outcome
    reason: Annotated[str, Meta(max_length=200)] | None = None
    time: Nanoseconds | None = None  # when, on the broker's clock


class Traced(Struct, frozen=True, kw_only=True, tag_field="type", tag="traced"):
    """The answer to `trace`; on its way to the broker, what the answering node knows."""

    id: Identifier
    camera: Camera
    sequence: Count
    run: Run | None
    hops: Annotated[list[Hop], Meta(max_length=2048)]


class Welcome(Struct, frozen=True, kw_only=True, tag_field="type", tag="welcome"):
    """To a peer that the broker does not know, or not any more: it answers with hello."""

    protocol: int
    site: str
    broker: str  # one life of the broker process
    camfan: str


class Ready(Struct, frozen=True, kw_only=True, tag_field="type", tag="ready", omit_defaults=True):
    """The answer to `subscribe`: the cameras that it names.

    To the broker of another site also the sites that each camera has come through, its own first,
    and the reason for each camera that it does not get.
    """

    cameras: list[str]
    via: dict[str, list[str]] = {}
    refused: dict[str, str] = {}


class Refused(
    Struct, frozen=True, kw_only=True, tag_field="type", tag="refused", omit_defaults=True
):
    about: str  # the type of the refused message
    reason: str
    code: str | None = None  # for programs, where one has to act: `published`, `taken-over`


class Echo(Struct, frozen=True, kw_only=True, tag_field="type", tag="echo"):
    """The answer to `probe`."""

    sent: Nanoseconds  # as in the probe
    received: Nanoseconds  # broker clock
    replied: Nanoseconds  # broker clock
    epoch: int  # changes when the broker's clock was set: earlier probes are void


class Gap(Struct, frozen=True, kw_only=True, tag_field="type", tag="gap"):
    """Frames that a subscriber of every frame will not get, in their place among the frames.

    Attributes:
        camera: name of the camera.
        run: one run of the camera process, 16 hexadecimal digits.
        first: sequence of the first missing frame.
        last: sequence of the last missing frame, included; None: not known.
        reason: why, in one or a few words joined by `-`: not-wanted, uplink, ring-overrun, …
    """

    camera: Camera
    run: Run
    first: Count
    last: Count | None  # null: how many is not known
    reason: Annotated[str, Meta(max_length=64)]


class Demand(Struct, frozen=True, kw_only=True, tag_field="type", tag="demand"):
    """To a camera: which frames are wanted. It is valid until the next one, also in an outage.

    `layers` 4 is all frames, 3 those of layers 0 to 2, …; 0: the camera is not watched, and one
    frame of layer 0 each `trickle` seconds keeps the newest frame fresh (null: no frames).
    """

    camera: Camera
    layers: Annotated[int, Meta(ge=0, le=4)]
    trickle: Annotated[float, Meta(gt=0, le=3600)] | None = None


class Receipt(
    Struct, frozen=True, kw_only=True, tag_field="type", tag="receipt", omit_defaults=True
):
    """To a camera, each second while frames come: what the broker has received of its run."""

    camera: Camera
    run: Run
    sequence: Count  # the newest
    frames: Count  # of this run, in all, by way of ingest
    time: Nanoseconds | None = None  # broker clock
    late: Nanoseconds = 0  # by how much the broker was behind with its work since the last one


class Repair(Struct, frozen=True, kw_only=True, tag_field="type", tag="repair", omit_defaults=True):
    """To a camera: asks for the frames after `after` and before `before`, oldest first.

    It answers on this socket, in order, with frames (three parts, `late` set in the header) and
    with a `gap` for what it does not have, and ends with `repaired`.
    """

    camera: Camera
    id: Identifier
    after: Position
    before: Position | None  # null: up to the newest
    since: Nanoseconds | None = None  # broker time: nothing that was captured before
    frames: Annotated[int, Meta(ge=1, le=MAX_CREDIT)]  # at most


class Repaired(Struct, frozen=True, kw_only=True, tag_field="type", tag="repaired"):
    """The end of an answer to `repair`; `done`: everything before `before` was answered."""

    camera: Camera
    id: Identifier
    done: bool


class Reloaded(Struct, frozen=True, kw_only=True, tag_field="type", tag="reloaded"):
    """The answer to `reload`: what changed, or why nothing did."""

    changed: list[str]
    problems: list[str]


ToBroker = (
    Hello
    | Subscribe
    | Credit
    | Heartbeat
    | Probe
    | Reload
    | Set
    | Record
    | Trace
    | Traced
    | Gap
    | Repaired
    | Bye
)
FromBroker = (
    Welcome
    | Ready
    | Refused
    | Heartbeat
    | Echo
    | Gap
    | Reloaded
    | Set
    | Record
    | RecordReceipt
    | Trace
    | Traced
    | Demand
    | Receipt
    | Repair
)

_encoder = msgspec.json.Encoder()
_to_broker = msgspec.json.Decoder(ToBroker)
_from_broker = msgspec.json.Decoder(FromBroker)
_event = msgspec.json.Decoder(Event)
_status = msgspec.json.Decoder(Status)

encode = _encoder.encode


def decode_to_broker(data: bytes) -> ToBroker:
    """Raises WireError."""
    message: ToBroker = _decode(_to_broker, data, "a control message")
    return message


def decode_from_broker(data: bytes) -> FromBroker:
    """Raises WireError."""
    message: FromBroker = _decode(_from_broker, data, "a control message", MAX_BROKER_MESSAGE_BYTES)
    return message


def decode_event(data: bytes) -> Event:
    """Raises WireError."""
    return _decode(_event, data, "an event")


def decode_status(data: bytes) -> Status:
    """A status that a node has sent. Raises WireError."""
    return _decode(_status, data, "a status")


def decode_status_from_broker(data: bytes) -> Status:
    """A status that the broker has passed on, or its own. Raises WireError."""
    return _decode(_status, data, "a status", MAX_BROKER_MESSAGE_BYTES)


def _decode(
    decoder: msgspec.json.Decoder[T], data: bytes, what: str, most: int = MAX_MESSAGE_BYTES
) -> T:
    if len(data) > most:
        raise WireError("bad-message", f"{what} of {len(data)} bytes; the limit is {most}")
    check_text(data, "bad-message")
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise WireError("bad-message", f"not {what}: {exc}") from exc
