"""Reading frames: for any bytes a header or a WireError."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camfan_testing.frames import read_frame
from camfan_testing.jpegs import jpeg
from camfan_wire.errors import WireError
from camfan_wire.header import (
    MAX_HEADER_BYTES,
    Header,
    Position,
    decode_header,
    encode_header,
)
from camfan_wire.jpeg import MAX_BYTES

JPEG = jpeg(64, 48, 1)
RUN = "9f3c5a7e01b2d4f6"
VALID: dict[str, Any] = {
    "version": 1,
    "camera": "driveway",
    "run": RUN,
    "sequence": 5,
    "captured": 1_763_800_000_123_456_789,
    "offset": -1_200_000,
    "error": 400_000,
    "width": 64,
    "height": 48,
    "size": len(JPEG),
}
TOPIC = b"frame/driveway/3/"
REASONS = {"bad-header", "bad-topic", "bad-size", "bad-parts", "not-jpeg", "too-large"}

INT64 = st.integers(-(2**63), 2**63 - 1)
COUNT = st.integers(0, 2**63 - 1)
HEADERS = st.builds(
    lambda clock, **rest: Header(
        version=1, offset=clock and clock[0], error=clock and clock[1], **rest
    ),
    clock=st.none() | st.tuples(INT64, COUNT),
    camera=st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True),
    run=st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}"),
    sequence=COUNT,
    captured=INT64,
    width=st.integers(1, 65_535),
    height=st.integers(1, 65_535),
    size=st.integers(4, MAX_BYTES),
    late=st.booleans(),
)


def with_changes(**changes: object) -> bytes:
    return json.dumps(VALID | changes).encode()


def without(key: str) -> bytes:
    return json.dumps({k: v for k, v in VALID.items() if k != key}).encode()


def refusal(parts: Sequence[bytes]) -> str | None:
    """The reason why a message is not a frame; None if it is one. Nothing else can happen."""
    try:
        header = read_frame(parts)
    except WireError as exc:
        refused = exc
    else:
        assert (header.topic, header.size) == (parts[0], len(parts[2]))
        return None
    assert refused.reason in REASONS
    assert len(str(refused)) < 500
    return refused.reason


@given(HEADERS)
def test_a_header_comes_back_as_it_was(header: Header) -> None:
    """What is encoded comes back, for any header there can be, and fits its limit."""
    encoded = encode_header(header)

    assert decode_header(encoded) == decode_header(memoryview(encoded)) == header
    assert len(encoded) <= MAX_HEADER_BYTES


@given(HEADERS)
def test_any_json_parser_reads_the_same(header: Header) -> None:
    """The header is plain JSON: every number is one, and what is unknown is null."""
    read = json.loads(encode_header(header))

    assert read.pop("late", False) == header.late
    assert read == {key: getattr(header, key) for key in VALID}


def test_a_whole_frame_is_read() -> None:
    header = read_frame([TOPIC, with_changes(), JPEG])

    assert header == decode_header(with_changes())
    assert header.position == Position(RUN, 5)
    assert header.topic == TOPIC


def test_unknown_keys_are_ignored() -> None:
    """A newer camera may say more than this version knows."""
    extra = with_changes(exposure_us=9000, lens={"zoom": [1, 2.5]}, owner="mühle", late=True)

    assert decode_header(extra).late
    assert refusal([TOPIC, extra, JPEG]) is None


@pytest.mark.parametrize("key", sorted(VALID))
def test_a_missing_key_refuses_the_frame(key: str) -> None:
    with pytest.raises(WireError, match=key) as refused:
        decode_header(without(key))

    assert refused.value.reason == "bad-header"


@pytest.mark.parametrize("key", sorted(VALID))
@pytest.mark.parametrize("value", ["1 ", 1.5, True, [], {}, None, -(2**63) - 1, 2**63, 10**40, ""])
def test_an_ill_typed_key_refuses_the_frame(key: str, value: object) -> None:
    with pytest.raises(WireError, match="not a frame header") as refused:
        decode_header(with_changes(**{key: value}))

    assert refused.value.reason == "bad-header"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", 0),
        ("version", 2),
        ("camera", "Driveway"),
        ("camera", "drive way"),
        ("camera", "-drive"),
        ("camera", "driveway\n"),
        ("camera", "a" * 65),
        ("camera", "../etc"),
        ("camera", "mühle"),
        ("run", RUN.upper()),
        ("run", RUN + "0"),
        ("run", RUN[:15]),
        ("run", RUN + "\n"),
        ("sequence", -1),
        ("error", -1),
        ("width", 0),
        ("width", 65_536),
        ("height", 0),
        ("height", 65_536),
        ("size", 3),
        ("size", MAX_BYTES + 1),
        ("late", None),
        ("late", 1),
    ],
)
def test_a_value_out_of_range_refuses_the_frame(key: str, value: object) -> None:
    with pytest.raises(WireError, match="not a frame header"):
        decode_header(with_changes(**{key: value}))


@pytest.mark.parametrize(("offset", "error"), [(1, None), (None, 1)])
def test_an_offset_without_its_error_is_invalid(offset: int | None, error: int | None) -> None:
    """An unknown error must not count as an error of 0."""
    with pytest.raises(WireError, match="both or neither"):
        decode_header(with_changes(offset=offset, error=error))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"{}",
        b"\x00" * 100,
        b"\xef\xbb\xbf" + with_changes(),  # a byte order mark
        with_changes() + b"x",
        with_changes() + with_changes(),
        with_changes().decode().encode("utf-16"),
        with_changes()[:-1] + b',"note":"\xff"}',  # not UTF-8, in an unknown key
        with_changes()[:-1] + b',"\xc3":1}',
        with_changes()[:-1] + b',"note":"\xed\xa0\x80"}',  # half a surrogate pair, as bytes
        with_changes()[:-1] + b',"note":"\\ud800"}',
        with_changes()[:-1] + b',"note":"\x01"}',
        with_changes()[:-1] + b',"note":NaN}',
        with_changes()[:-1] + b',"note":Infinity}',
        with_changes()[:-1] + b',"note":-Infinity}',
        with_changes()[:-1] + b',"note":' + b"1" * 301 + b"}",
        with_changes()[:-1] + b',"note":' + b"[" * 33 + b"]" * 33 + b"}",
        with_changes()[:-1] + b',"note":' + b"[" * 1900 + b"]" * 1900 + b"}",
        with_changes()[:-1] + b',"note":' + b"[" * 3000,
        with_changes().replace(b'"sequence": 5', b'"sequence": 5e0'),
        with_changes().replace(b'"sequence": 5', b'"sequence": 05'),
        with_changes().replace(b'"sequence": 5', b'"sequence": NaN'),
        with_changes().replace(b'"sequence": 5', b'"sequence": 1e400'),
        with_changes().replace(b'"sequence": 5', b'"sequence": ' + b"9" * 3500),
    ],
)
def test_invalid_headers(data: bytes) -> None:
    assert refusal([TOPIC, data, JPEG]) == "bad-header"


def test_a_key_that_stands_twice_has_its_last_value() -> None:
    """As with most parsers of JSON, so that all readers of a frame read the same."""
    doubled = with_changes()[:-1] + b',"sequence":13}'

    assert decode_header(doubled).sequence == json.loads(doubled)["sequence"] == 13


def test_the_limit_of_a_header() -> None:
    """A header may have MAX_HEADER_BYTES, and not one more."""
    fits = with_changes() + b" " * (MAX_HEADER_BYTES - len(with_changes()))

    assert MAX_HEADER_BYTES == 4096
    assert refusal([TOPIC, fits, JPEG]) is None
    assert refusal([TOPIC, fits + b" ", JPEG]) == "bad-header"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([], "bad-parts"),
        ([TOPIC], "bad-parts"),
        ([TOPIC, with_changes()], "bad-parts"),
        ([TOPIC, with_changes(), JPEG, b""], "bad-parts"),
        ([b"", with_changes(), JPEG], "bad-topic"),
        ([b"frame/driveway/0/", with_changes(), JPEG], "bad-topic"),  # not its layer
        ([b"frame/porch/3/", with_changes(), JPEG], "bad-topic"),  # not its camera
        ([TOPIC + b"\0" * 10**6, with_changes(), JPEG], "bad-topic"),
        ([TOPIC, with_changes(), JPEG[:-3] + JPEG[-2:]], "bad-size"),
        ([TOPIC, with_changes(size=len(JPEG) + 1), JPEG], "bad-size"),
        ([TOPIC, with_changes(width=48, height=64), JPEG], "bad-size"),
        ([TOPIC, with_changes(size=4), b"GIF8"], "not-jpeg"),
        ([TOPIC, with_changes(size=4), b"\xff\xd8\xff\xd9"], "not-jpeg"),
    ],
)
def test_parts_that_do_not_agree_are_rejected(parts: list[bytes], reason: str) -> None:
    assert refusal(parts) == reason


@given(st.lists(st.binary(max_size=400), max_size=5))
def test_junk_is_refused_politely(parts: list[bytes]) -> None:
    assert refusal(parts) is not None


@dataclass(frozen=True)
class Damage:
    """One thing that happens to bytes on their way."""

    part: int
    at: float
    cut: int
    put: bytes

    def to(self, parts: list[bytes]) -> list[bytes]:
        data = parts[self.part]
        at = int(self.at * len(data))
        changed = data[:at] + self.put + data[at + self.cut :]
        return [changed if i == self.part else p for i, p in enumerate(parts)]


DAMAGES = st.builds(
    Damage,
    part=st.integers(0, 2),
    at=st.floats(0, 1, exclude_max=True),
    cut=st.integers(0, 20),
    put=st.one_of(
        st.binary(max_size=10),
        st.sampled_from(
            (b"null", b"-1", b"1e999", b'"', b"{", b"[" * 2000, b"9" * 400, b"\xff\xd8")
        ),
    ),
)


@settings(max_examples=400)
@given(st.lists(DAMAGES, min_size=1, max_size=3))
def test_a_damaged_frame_is_read_or_refused(damages: list[Damage]) -> None:
    """A frame whose bytes were changed, cut or added to: a header or a WireError."""
    parts = [TOPIC, with_changes(), JPEG]
    for damage in damages:
        parts = damage.to(parts)

    if refusal(parts) is None:
        json.loads(parts[1])  # what is passed on can be read by others too


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*VALID, "late", "more"]), JSON_VALUES, max_size=4))
def test_a_header_of_any_values_is_read_or_refused(changes: dict[str, object]) -> None:
    refusal([TOPIC, with_changes(**changes), JPEG])
