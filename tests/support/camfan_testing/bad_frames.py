"""Frames with one fault each, as a table: what a broker that accepts frames has to reject."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from camfan_testing.jpegs import jpeg, scan_bomb, with_orientation
from camfan_wire.topics import frame_topic, layer_of

CAMERA = "one"
RUN = "a" * 16
LIMITS = "{frame: 20kB, pixels: 5000, header: 600B}"  # of a site that rejects the faults below
PICTURE = jpeg(64, 48, 0)


def good(sequence: int, run: object = RUN, **changes: object) -> list[bytes]:
    """The three parts of a frame; `changes` are keys of its header."""
    return with_picture(sequence, PICTURE, run=run, **changes)


def with_picture(sequence: int, picture: bytes, **changes: object) -> list[bytes]:
    header = {
        "version": 1,
        "camera": CAMERA,
        "run": RUN,
        "sequence": sequence,
        "captured": 1_763_800_000_000_000_000,
        "offset": None,
        "error": None,
        "width": 64,
        "height": 48,
        "size": len(picture),
    }
    topic = frame_topic(CAMERA, layer_of(sequence))
    return [topic, json.dumps(header | changes).encode(), picture]


def padded(picture: bytes, size: int) -> bytes:
    """The same picture with a comment that makes it this many bytes long."""
    comment = b"\xff\xfe" + (size - len(picture) - 2).to_bytes(2, "big")
    return picture[:2] + comment + bytes(size - len(picture) - 4) + picture[2:]


Make = Callable[..., list[bytes]]  # sequence, and keys of the header that stay as they are given


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a frame."""

    reason: str  # of the WireError
    make: Make


def _of_another_layer(sequence: int, **changes: object) -> list[bytes]:
    return [frame_topic(CAMERA, 3 - layer_of(sequence)), *good(sequence, **changes)[1:]]


def _with_header(change: Callable[[bytes], bytes]) -> Make:
    def make(sequence: int, **changes: object) -> list[bytes]:
        topic, text, picture = good(sequence, **changes)
        return [topic, change(text), picture]

    return make


def _with_keys(**keys: object) -> Make:
    return lambda sequence, **changes: good(sequence, **(changes | keys))


def _with_picture(picture: bytes, **keys: object) -> Make:
    return lambda sequence, **changes: with_picture(sequence, picture, **(changes | keys))


FAULTS: Mapping[str, Fault] = {
    "header-too-long": Fault("bad-header", _with_header(lambda text: text + b" " * 600)),
    "header-not-json": Fault("bad-header", _with_header(lambda text: text[:-1])),
    "header-not-utf8": Fault(
        "bad-header", _with_header(lambda text: text[:-1] + b', "note": "\xff"}')
    ),
    "run-not-a-run": Fault("bad-header", _with_keys(run="A" * 16)),
    "camera-not-a-name": Fault("bad-header", _with_keys(camera="No Name")),
    "camera-of-another-topic": Fault("bad-topic", _with_keys(camera="two")),
    "layer-of-another-topic": Fault("bad-topic", _of_another_layer),
    "size-not-that-of-the-jpeg": Fault("bad-size", _with_keys(size=len(PICTURE) + 1)),
    "width-not-that-of-the-jpeg": Fault("bad-size", _with_keys(width=65)),
    "height-not-that-of-the-jpeg": Fault("bad-size", _with_keys(height=49)),
    "more-bytes-than-the-site-allows": Fault("too-large", _with_picture(padded(PICTURE, 20_001))),
    "more-pixels-than-the-site-allows": Fault(
        "too-large", _with_picture(jpeg(80, 72, 0), width=80, height=72)
    ),
    "not-a-jpeg": Fault("not-jpeg", _with_picture(b"x" * len(PICTURE))),
    "jpeg-without-its-start": Fault("not-jpeg", _with_picture(b"xx" + PICTURE[2:])),
    "jpeg-without-its-end": Fault("not-jpeg", _with_picture(PICTURE[:-2] + b"xx")),
    "jpeg-of-too-many-scans": Fault("too-many-scans", _with_picture(scan_bomb(64, 48, scans=100))),
    "jpeg-not-upright": Fault("not-upright", _with_picture(with_orientation(PICTURE, 6))),
}
