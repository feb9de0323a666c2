"""The protocol's page is enough to write a client: its programs run, its messages are messages."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import zmq

from camfan import Subscriber
from camfan.options import MAX_FPS, MIN_FPS
from camfan_broker.access import board
from camfan_broker.camera import camera, demand, repair
from camfan_broker.delivery import claims, greeter, peers
from camfan_config import Limits
from camfan_config.types import Ports
from camfan_testing.documents import ROOT, Block, blocks_of
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera, wait_until
from camfan_testing.processes import Process, running_broker
from camfan_testing.sites import TestSite, custom_cameras, write_site
from camfan_wire import clock, messages, scans, sockets, text
from camfan_wire import jpeg as jpegs
from camfan_wire.header import MAX_HEADER_BYTES, decode_header, encode_header
from camfan_wire.link import connection
from camfan_wire.messages import MAX_BROKER_MESSAGE_BYTES, MAX_MESSAGE_BYTES, FromBroker, ToBroker
from camfan_wire.sockets import _ALWAYS

PAGE = ROOT / "docs/reference/protocol.md"
PROGRAMS = re.compile(r"^```python (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def program(name: str, site: TestSite) -> str:
    """A program of the page, with the ports of a broker of the test."""
    found = dict(PROGRAMS.findall(PAGE.read_text(encoding="utf-8")))
    ports = {"5550": site.ingest, "5551": site.fanout, "5552": site.delivery}
    code: str = found[name]
    for written, real in ports.items():
        code = code.replace(f":{written}", f":{real}")
    return code


@pytest.fixture
def site(tmp_path: Path) -> Iterator[TestSite]:
    written = write_site(tmp_path, custom_cameras("driveway", "porch"))
    with running_broker(written.path):
        yield written


@pytest.mark.parametrize("name", ["fanout", "delivery"])
def test_a_reader_of_fifteen_lines_gets_frames(name: str, site: TestSite) -> None:
    code = program(name, site)
    imported = {
        alias.name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Import)
        for alias in node.names
    }

    with (
        Camera(site.path, "driveway") as camera,
        Process([sys.executable, "-u", "-c", code]) as reader,
    ):
        wait_until(lambda: len(reader.lines) >= 10, 20.0)

    assert imported == {"json", "zmq"}
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    assert all(re.search(r"\b\d+ \d+$", line) for line in reader.lines[:10])
    assert {int(line.split()[-1]) for line in reader.lines[:10]} <= {
        len(camera.picture(n)) for n in range(5)
    }


def test_a_reader_survives_the_broker(tmp_path: Path) -> None:
    """It answers each welcome, so frames arrive again after a restart of the broker."""
    written = write_site(tmp_path, custom_cameras("driveway"))
    code = program("delivery", written)
    with (
        Camera(written.path, "driveway"),
        Process([sys.executable, "-u", "-c", code]) as reader,
    ):
        with running_broker(written.path) as first:
            wait_until(lambda: len(reader.lines) >= 3, 20.0)
            first.popen.kill()
            first.popen.wait()
        had = len(reader.lines)
        with running_broker(written.path):
            wait_until(lambda: len(reader.lines) >= had + 5, 20.0)


def test_a_publisher_of_the_page_is_seen(site: TestSite, tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(jpeg(640, 480))
    code = program("publisher", site)

    with (
        Process([sys.executable, "-u", "-c", code], cwd=tmp_path),
        Subscriber(site.path, "driveway") as frames,
    ):
        frame = frames.read(20.0)

    assert bytes(frame.jpeg) == jpeg(640, 480)
    assert frame.age is None


def objects() -> list[tuple[str, dict[str, object]]]:
    """Every JSON object of the page, with its place."""
    found = []
    decoder = json.JSONDecoder()
    for block in blocks_of(PAGE):
        if block.language == "json":
            found += [(str(block), value) for value in _values(decoder, block)]
    return found


def _values(decoder: json.JSONDecoder, block: Block) -> Iterator[dict[str, object]]:
    rest = block.text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        yield value
        rest = rest[end:].strip()


@pytest.mark.parametrize(("place", "value"), objects(), ids=lambda v: v if v is str else None)
def test_every_message_of_the_page_is_one(place: str, value: dict[str, object]) -> None:
    """Each is taken by the parser, and has no key that the parser does not know."""
    data = msgspec.json.encode(value)
    if "type" in value:
        kinds = {c.__struct_config__.tag: c for c in _classes(ToBroker) + _classes(FromBroker)}
        kind = kinds[str(value["type"])]
        decoders: list[Callable[[bytes], object]] = []
        if kind in _classes(ToBroker):
            decoders.append(messages.decode_to_broker)
        if kind in _classes(FromBroker):
            decoders.append(messages.decode_from_broker)
        for decode in decoders:
            assert isinstance(decode(data), kind), place
        known = set(kind.__struct_fields__) | {"type"}
    elif "version" in value:
        header = decode_header(data)
        assert msgspec.json.decode(encode_header(header)) == value
        return
    elif "state" in value and "id" in value:
        messages.decode_event(data)
        known = set(messages.Event.__struct_fields__)
    elif "node" in value:
        messages.decode_status(data)
        known = set(messages.Status.__struct_fields__)
    else:
        assert "ready" in value, f"{place}: what is {value}?"
        return
    assert set(value) <= known, place


def _classes(union: object) -> list[type[msgspec.Struct]]:
    return list(union.__args__)  # type: ignore[attr-defined]  # a union has them


def test_every_kind_of_message_is_on_the_page() -> None:
    written = {value.get("type") for _, value in objects()}
    kinds = {c.__struct_config__.tag for c in _classes(ToBroker) + _classes(FromBroker)}

    assert kinds <= written


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    limits = page[page.index("## 9. Limits") : page.index("## 10.")]

    for row in (
        f"| a JPEG | {jpegs.MAX_BYTES} bytes, {jpegs.MAX_PIXELS} pixels |",
        f"| a header | {MAX_HEADER_BYTES} bytes |",
        f"| an event, a status, a control message to the broker | {MAX_MESSAGE_BYTES} bytes |",
        f"| a status, a control message of the broker | {MAX_BROKER_MESSAGE_BYTES} bytes |",
        f"| nesting of arrays and objects, in any JSON | {text.MAX_DEPTH} |",
        f"| digits in a row, in any JSON | {text.MAX_DIGITS} |",
        f"| credit | {messages.MAX_CREDIT} frames |",
    ):
        assert row in limits


NUMBERS = {
    "ports": (
        f"| ingest | {Ports().ingest} | XSUB",
        f"| fanout | {Ports().fanout} | XPUB",
        f"| delivery | {Ports().delivery} | ROUTER",
    ),
    "socket options": (
        (
            f"`TCP_KEEPALIVE` {_ALWAYS[zmq.TCP_KEEPALIVE]}, "
            f"idle {_ALWAYS[zmq.TCP_KEEPALIVE_IDLE]} s, "
            f"interval {_ALWAYS[zmq.TCP_KEEPALIVE_INTVL]} s, "
            f"count {_ALWAYS[zmq.TCP_KEEPALIVE_CNT]};"
        ),
        f"`TCP_MAXRT` {_ALWAYS[zmq.TCP_MAXRT] // 1000} s;",
        f"`RECONNECT_IVL` {_ALWAYS[zmq.RECONNECT_IVL]} ms,",
        f"`RECONNECT_IVL_MAX` {_ALWAYS[zmq.RECONNECT_IVL_MAX]} ms; `LINGER` {_ALWAYS[zmq.LINGER]}.",
        f"A reader that reads nothing for {_ALWAYS[zmq.TCP_MAXRT] // 1000} s,",
    ),
    "queues": (
        f"four messages of each camera, but at least {sockets.fanout_queue(0)}, for a reader",
        (
            f"| messages kept for a fanout reader | {sockets.fanout_queue(1000) // 1000} for each "
            f"camera, at least {sockets.FANOUT_QUEUE} |"
        ),
        f"| messages kept for a peer of delivery | {sockets.DELIVERY_QUEUE} |",
    ),
    "topics": (
        f"A topic to subscribe to may have {sockets.MAX_TOPIC_BYTES - 10} bytes.",
        f"| a topic to subscribe to (fanout) | {sockets.MAX_TOPIC_BYTES - 10} bytes |",
    ),
    "jpeg": (
        f"integer, 4 to {jpegs.MAX_BYTES} | bytes of the JPEG",
        f"at most {Limits().pixels} pixels and {Limits().frame} bytes",
        f"at most {jpegs.MAX_MARKERS} markers and fill bytes",
        (
            f"at most {scans.MAX_SCANS} scans, and scans times pixels are at most "
            f"{scans.MAX_SCAN_PIXELS:,}"
        ),
    ),
    "silence": (
        f"at most once in {greeter.WELCOME_NS / 1e9} s for each connection",
        f"After **{peers.SILENCE_NS // 10**9} s** of silence",
        f"| silence of a peer of delivery | {peers.SILENCE_NS // 10**9} s |",
        f"if nothing comes for {connection.SILENCE_S:g} s, it has gone",
        f"was heard in the last {claims.HEARD_NS / 1e9} s",
        f"a `status` every {connection.STATUS_S:g} s",
        f"Every {connection.STATUS_S:g} s, and when something changed",
    ),
    "subscriptions": (
        f"| `credit` | integer, 0 to {messages.MAX_CREDIT}; 0 |",
        (
            f"this many more frames, 1 to {messages.MAX_CREDIT}. "
            f"The total at the broker is never more than {messages.MAX_CREDIT}."
        ),
        f"| `max_fps` | number, {MIN_FPS} to {MAX_FPS:g}, or null; null |",
        f"| `cameras` | up to {messages.MAX_CAMERA_PATTERNS} texts",
        f"(at most {camera.BEGINNING} frames ago)",
    ),
    "demand": (
        f"shrinks after {demand.LINGER_NS // 10**9} s.",
        f"counts for another {demand.AWAY_NS // 10**9} s,",
        f"for {demand.GRACE_NS // 10**9} s after its start a broker wants everything,",
        f"it is given up after {repair.ANSWER_NS // 10**9} s without an answer",
    ),
    "clock": (
        f"Of your last {clock.PROBES_KEPT} or so answers",
        f"(quartzes drift: {clock.DRIFT_PPM} ppm)",
        f"over the last {camera.FPS_WINDOW_NS // 10**9} s;",
    ),
    "kept": (
        f"| peers of delivery | {greeter.MAX_PEERS} |",
        f"| nodes with a status; open events | {board.MAX_NODES}; {board.MAX_OPEN_EVENTS} |",
    ),
}


@pytest.mark.parametrize("about", NUMBERS)
def test_the_numbers_of_the_page_are_those_of_the_code(about: str) -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())

    for sentence in NUMBERS[about]:
        assert sentence in page


def test_no_number_of_a_queue_is_said_twice_in_two_ways() -> None:
    """Where the fan-out's queue is spoken of, it is by the one rule."""
    page = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"(?:fanout reader|for a reader)[^\n]*?at least (\d+)", page)
    found += re.findall(r"at least (\d+), for a reader", page)

    assert {int(number) for number in found} == {sockets.FANOUT_QUEUE}
    assert len(found) == 2
