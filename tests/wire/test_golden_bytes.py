"""The bytes of every message, written out: a change of the wire changes them here as well."""

from __future__ import annotations

from typing import get_args

import pytest
from msgspec import Struct

from camfan_wire import messages
from camfan_wire.figures import WebFigures
from camfan_wire.header import Header, Position, decode_header, encode_header
from camfan_wire.messages import (
    Bye,
    Credit,
    Demand,
    Echo,
    Event,
    FromBroker,
    Gap,
    Heartbeat,
    Hello,
    Hop,
    Probe,
    Ready,
    Receipt,
    Record,
    RecordReceipt,
    Refused,
    Reload,
    Reloaded,
    Repair,
    Repaired,
    Set,
    Status,
    Subscribe,
    ToBroker,
    Trace,
    Traced,
    Welcome,
)
from camfan_wire.topics import camera_topic, event_topic, frame_topic, status_topic

RUN = "9f3c5a7e01b2d4f6"
NS = 1_763_800_000_123_456_789

HEADERS: list[tuple[Header, bytes]] = [
    (
        Header(
            version=1,
            camera="driveway",
            run=RUN,
            sequence=123,
            captured=NS,
            offset=-1_200_000,
            error=400_000,
            width=1280,
            height=720,
            size=51_234,
        ),
        (
            b'{"version":1,"camera":"driveway","run":"9f3c5a7e01b2d4f6","sequence":123,'
            b'"captured":1763800000123456789,"offset":-1200000,"error":400000,'
            b'"width":1280,"height":720,"size":51234}'
        ),
    ),
    (
        Header(
            version=1,
            camera="a",
            run=RUN,
            sequence=0,
            captured=0,
            offset=None,
            error=None,
            width=1,
            height=1,
            size=4,
            late=True,
        ),
        (
            b'{"version":1,"camera":"a","run":"9f3c5a7e01b2d4f6","sequence":0,"captured":0,'
            b'"offset":null,"error":null,"width":1,"height":1,"size":4,"late":true}'
        ),
    ),
]

SET = (
    Set(camera="driveway", fps=5.0),
    b'{"type":"set","camera":"driveway","fps":5.0,"quality":null}',
)
TRACE = (
    Trace(id="t1", camera="driveway", sequence=4711),
    b'{"type":"trace","id":"t1","camera":"driveway","sequence":4711,"run":null}',
)
TRACED = (
    Traced(
        id="t1",
        camera="driveway",
        sequence=4711,
        run=RUN,
        hops=[
            Hop(node="broker", outcome="received", time=NS),
            Hop(node="hall", outcome="skipped", reason="a newer frame went instead"),
        ],
    ),
    (
        b'{"type":"traced","id":"t1","camera":"driveway","sequence":4711,'
        b'"run":"9f3c5a7e01b2d4f6","hops":[{"node":"broker","outcome":"received",'
        b'"time":1763800000123456789},{"node":"hall","outcome":"skipped",'
        b'"reason":"a newer frame went instead"}]}'
    ),
)
GAP = (
    Gap(camera="driveway", run=RUN, first=124, last=130, reason="ring-overrun"),
    (
        b'{"type":"gap","camera":"driveway","run":"9f3c5a7e01b2d4f6","first":124,"last":130,'
        b'"reason":"ring-overrun"}'
    ),
)

RECORD = (
    Record(camera="driveway", on=True, name="delivery", seconds=300.0),
    b'{"type":"record","camera":"driveway","on":true,"name":"delivery","seconds":300.0}',
)

TO_BROKER: list[tuple[ToBroker, bytes]] = [
    (
        Hello(protocol=1, name="archive", kind="recorder", session=RUN, camfan="0.1.0"),
        (
            b'{"type":"hello","protocol":1,"name":"archive","kind":"recorder",'
            b'"session":"9f3c5a7e01b2d4f6","camfan":"0.1.0"}'
        ),
    ),
    (
        Hello(
            protocol=1,
            name="driveway",
            kind="camera",
            session=RUN,
            publishes="driveway",
            run=RUN,
            host="porch-pi",
            take_over=True,
        ),
        (
            b'{"type":"hello","protocol":1,"name":"driveway","kind":"camera",'
            b'"session":"9f3c5a7e01b2d4f6","publishes":"driveway","run":"9f3c5a7e01b2d4f6",'
            b'"host":"porch-pi","take_over":true}'
        ),
    ),
    (
        Subscribe(cameras=["driveway", "porch-*"], credit=2, max_fps=5.0, topics=["event/"]),
        (
            b'{"type":"subscribe","cameras":["driveway","porch-*"],"credit":2,"max_fps":5.0,'
            b'"topics":["event/"]}'
        ),
    ),
    (
        Subscribe(cameras=["*"], mode="every", credit=32, since_ago=2_000_000_000),
        (b'{"type":"subscribe","cameras":["*"],"mode":"every","credit":32,"since_ago":2000000000}'),
    ),
    (
        Subscribe(
            cameras=["*"],
            mode="every",
            credit=32,
            window=4_000_000,
            since={"driveway": Position(RUN, 122)},
            since_time=NS,
        ),
        (
            b'{"type":"subscribe","cameras":["*"],"mode":"every","credit":32,"window":4000000,'
            b'"since":{"driveway":{"run":"9f3c5a7e01b2d4f6","sequence":122}},'
            b'"since_time":1763800000123456789}'
        ),
    ),
    (Credit(8), b'{"type":"credit","frames":8}'),
    (Credit(8, 409_600), b'{"type":"credit","frames":8,"bytes":409600}'),
    (Heartbeat(), b'{"type":"heartbeat"}'),
    (Probe(51_000_000_000), b'{"type":"probe","sent":51000000000}'),
    (Reload(), b'{"type":"reload"}'),
    SET,
    RECORD,
    TRACE,
    TRACED,
    GAP,
    (
        Repaired(camera="driveway", id="r1", done=False),
        b'{"type":"repaired","camera":"driveway","id":"r1","done":false}',
    ),
    (Bye(), b'{"type":"bye"}'),
]

FROM_BROKER: list[tuple[FromBroker, bytes]] = [
    (
        Welcome(protocol=1, site="willow-farm", broker="77aa88bb99cc00dd", camfan="0.1.0"),
        (
            b'{"type":"welcome","protocol":1,"site":"willow-farm","broker":"77aa88bb99cc00dd",'
            b'"camfan":"0.1.0"}'
        ),
    ),
    (Ready(cameras=["driveway"]), b'{"type":"ready","cameras":["driveway"]}'),
    (
        Refused(about="hello", reason="protocol 2; this broker speaks 1"),
        b'{"type":"refused","about":"hello","reason":"protocol 2; this broker speaks 1"}',
    ),
    (
        Refused(about="hello", reason="driveway is already published", code="published"),
        (
            b'{"type":"refused","about":"hello","reason":"driveway is already published",'
            b'"code":"published"}'
        ),
    ),
    (Heartbeat(), b'{"type":"heartbeat"}'),
    RECORD,
    (
        RecordReceipt(camera="driveway", recorders=["archive"]),
        b'{"type":"record-receipt","camera":"driveway","recorders":["archive"]}',
    ),
    (
        Echo(sent=51_000_000_000, received=NS, replied=NS + 20_000, epoch=1),
        (
            b'{"type":"echo","sent":51000000000,"received":1763800000123456789,'
            b'"replied":1763800000123476789,"epoch":1}'
        ),
    ),
    GAP,
    SET,
    TRACE,
    TRACED,
    (
        Demand(camera="driveway", layers=0, trickle=2.0),
        b'{"type":"demand","camera":"driveway","layers":0,"trickle":2.0}',
    ),
    (
        Receipt(camera="driveway", run=RUN, sequence=122, frames=120, time=NS, late=300_000),
        (
            b'{"type":"receipt","camera":"driveway","run":"9f3c5a7e01b2d4f6","sequence":122,'
            b'"frames":120,"time":1763800000123456789,"late":300000}'
        ),
    ),
    (
        Repair(
            camera="driveway",
            id="r1",
            after=Position(RUN, 122),
            before=Position(RUN, 131),
            frames=8,
        ),
        (
            b'{"type":"repair","camera":"driveway","id":"r1",'
            b'"after":{"run":"9f3c5a7e01b2d4f6","sequence":122},'
            b'"before":{"run":"9f3c5a7e01b2d4f6","sequence":131},"frames":8}'
        ),
    ),
    (
        Repair(
            camera="driveway", id="r1", after=Position(RUN, -1), before=None, frames=8, since=NS
        ),
        (
            b'{"type":"repair","camera":"driveway","id":"r1",'
            b'"after":{"run":"9f3c5a7e01b2d4f6","sequence":-1},"before":null,'
            b'"since":1763800000123456789,"frames":8}'
        ),
    ),
    (
        Gap(camera="driveway", run=RUN, first=131, last=None, reason="camera-restarted"),
        (
            b'{"type":"gap","camera":"driveway","run":"9f3c5a7e01b2d4f6","first":131,"last":null,'
            b'"reason":"camera-restarted"}'
        ),
    ),
    (
        Reloaded(changed=["camera barn added"], problems=[]),
        b'{"type":"reloaded","changed":["camera barn added"],"problems":[]}',
    ),
]

EVENT = Event(
    id="e1",
    time=NS,
    source="yard",
    kind="motion",
    state="start",
    camera="driveway",
    details={"boxes": [[0.1, 0.2, 0.3, 0.4]], "zones": ["drive"]},
)
EVENT_BYTES = (
    b'{"id":"e1","time":1763800000123456789,"source":"yard","kind":"motion","state":"start",'
    b'"camera":"driveway","details":{"boxes":[[0.1,0.2,0.3,0.4]],"zones":["drive"]}}'
)
STATUS = Status(
    node="driveway",
    kind="camera",
    time=NS,
    state="live",
    message="the source stalled for 5.2 s",
    web=WebFigures(frames=4711, pages=2, sent=4700, sent_bytes=51234, skipped=11),
)
STATUS_BYTES = (
    b'{"node":"driveway","kind":"camera","time":1763800000123456789,"state":"live",'
    b'"message":"the source stalled for 5.2 s",'
    b'"web":{"frames":4711,"pages":2,"sent":4700,"sent_bytes":51234,"skipped":11}}'
)


@pytest.mark.parametrize(("header", "golden"), HEADERS)
def test_the_bytes_of_a_header(header: Header, golden: bytes) -> None:
    assert encode_header(header) == golden
    assert decode_header(golden) == header


@pytest.mark.parametrize(("message", "golden"), TO_BROKER)
def test_the_bytes_of_messages_to_the_broker(message: ToBroker, golden: bytes) -> None:
    assert messages.encode(message) == golden
    assert messages.decode_to_broker(golden) == message


@pytest.mark.parametrize(("message", "golden"), FROM_BROKER)
def test_the_bytes_of_messages_from_the_broker(message: FromBroker, golden: bytes) -> None:
    assert messages.encode(message) == golden
    assert messages.decode_from_broker(golden) == message


def test_the_bytes_of_an_event() -> None:
    assert messages.encode(EVENT) == EVENT_BYTES
    assert messages.decode_event(EVENT_BYTES) == EVENT


def test_the_bytes_of_a_status() -> None:
    assert messages.encode(STATUS) == STATUS_BYTES
    assert messages.decode_status(STATUS_BYTES) == STATUS


def test_the_bytes_of_topics() -> None:
    assert frame_topic("driveway", 3) == b"frame/driveway/3/"
    assert camera_topic("driveway") == b"frame/driveway/"
    assert event_topic("yard", "motion") == b"event/yard/motion/"
    assert status_topic("archive") == b"status/archive/"


def test_no_message_is_without_its_golden_bytes() -> None:
    """A new kind of message is written out here too."""

    def kinds(union: object) -> set[type[Struct]]:
        return set(get_args(union))

    assert {type(message) for message, _ in TO_BROKER} == kinds(ToBroker)
    assert {type(message) for message, _ in FROM_BROKER} == kinds(FromBroker)


def test_the_least_that_messages_may_say() -> None:
    """What may be left out has these values."""
    assert messages.decode_to_broker(b'{"type":"subscribe"}') == Subscribe(
        cameras=[], mode="latest", credit=0, max_fps=None, since={}, since_time=None, topics=[]
    )
    hello = b'{"type":"hello","protocol":1,"name":"a","kind":"b","session":"0123456789abcdef"}'
    assert messages.decode_to_broker(hello) == Hello(
        protocol=1, name="a", kind="b", session="0123456789abcdef", camfan=None
    )
    event = b'{"id":"1","time":0,"source":"a","kind":"b","state":"end"}'
    assert messages.decode_event(event) == Event(
        id="1", time=0, source="a", kind="b", state="end", camera=None, details={}
    )
    status = b'{"node":"a","kind":"b","time":0,"state":"live"}'
    assert messages.decode_status(status) == Status(node="a", kind="b", time=0, state="live")
