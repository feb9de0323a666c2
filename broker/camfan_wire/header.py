"""The header of a published frame.

Reading is total: for any bytes a `Header` or a `WireError`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from camfan_config.names import NAME_PATTERN
from camfan_wire import jpeg as jpegs
from camfan_wire.errors import WireError
from camfan_wire.text import check_text
from camfan_wire.topics import NAME, frame_topic, layer_of

VERSION = 1
MAX_HEADER_BYTES = 4096
MAX_COUNT = MAX_NS = 2**63 - 1

Camera = Annotated[str, Meta(pattern=rf"^{NAME_PATTERN}\Z")]
Run = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Nanoseconds = Annotated[int, Meta(ge=-MAX_NS - 1, le=MAX_NS)]


class Position(Struct, frozen=True, gc=False):
    """A place in a camera's stream of frames."""

    run: Run
    sequence: Annotated[int, Meta(ge=-1, le=2**63 - 1)]  # -1: before the first of the run


class Header(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What travels beside each JPEG, as one JSON object."""

    version: Literal[1]
    camera: str  # a name; its pattern and that of `run` are checked by `decode_header`
    run: str  # one life of a camera process
    sequence: Count  # +1 a frame within a run: a gap is a loss
    captured: Nanoseconds  # ns of the camera's wall clock
    offset: Nanoseconds | None  # broker clock minus camera clock, ns; null while unknown
    error: Count | None  # bound of `captured` + `offset`, ns
    width: Annotated[int, Meta(ge=1, le=65535)]
    height: Annotated[int, Meta(ge=1, le=65535)]
    size: Annotated[int, Meta(ge=4, le=jpegs.MAX_BYTES)]  # bytes of the JPEG
    epoch: Count | None = None  # of the broker's clock that `offset` is about
    late: bool = False  # sent again after an outage
    replayed: bool = False  # from a recording; its times are those of then
    unwanted: Count = 0  # frames of this run so far that were only numbered, since unwanted

    def __post_init__(self) -> None:
        if (self.offset is None) != (self.error is None):
            raise ValueError("`offset` and `error` are known both or neither")

    @property
    def position(self) -> Position:
        return Position(self.run, self.sequence)

    @property
    def topic(self) -> bytes:
        return frame_topic(self.camera, layer_of(self.sequence))


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Header)
_RUN = re.compile(r"[0-9a-f]{16}")

encode_header = _encoder.encode


def decode_header(
    data: bytes | memoryview, camera: str | None = None, run: str | None = None
) -> Header:
    """Raises WireError for bytes that are not a header of this version.

    `camera` and `run` are those one expects, and known to be good: they need no second look.
    """
    if len(data) > MAX_HEADER_BYTES:
        raise WireError(
            "bad-header", f"a header of {len(data)} bytes; the limit is {MAX_HEADER_BYTES}"
        )
    data = bytes(data)
    check_text(data, "bad-header")
    try:
        found = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise WireError("bad-header", f"not a frame header: {exc}") from exc
    if found.camera != camera and not NAME.fullmatch(found.camera):
        raise WireError("bad-header", f"not a frame header: camera {found.camera[:80]!r}")
    if found.run != run and not _RUN.fullmatch(found.run):
        raise WireError("bad-header", f"not a frame header: run {found.run[:80]!r}")
    return found
