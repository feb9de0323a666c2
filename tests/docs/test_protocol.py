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

from camfan import Subscriber
from camfan_testing.documents import ROOT, Block, blocks_of
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera, wait_until
from camfan_testing.processes import Process, running_broker
from camfan_testing.sites import TestSite, custom_cameras, write_site
from camfan_wire import jpeg as jpegs
from camfan_wire import messages, text
from camfan_wire.header import MAX_HEADER_BYTES, decode_header, encode_header
from camfan_wire.messages import FromBroker, ToBroker

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
    """It answers each welcome, and so flows again after a restart that nobody told it of."""
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
        f"| an event, a status, a control message | {messages.MAX_MESSAGE_BYTES} bytes |",
        f"| arrays and objects in each other, in any JSON | {text.MAX_DEPTH} |",
        f"| digits in a row, in any JSON | {text.MAX_DIGITS} |",
        f"| credit | {messages.MAX_CREDIT} frames |",
    ):
        assert row in limits
