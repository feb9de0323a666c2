"""MJPEG streams in every way that cameras write them wrong: each whole picture, once."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc
import zlib
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from camfan_nodes.camera import multipart
from camfan_nodes.camera.cookies import Cookies
from camfan_nodes.camera.http_coding import Inflater
from camfan_nodes.camera.http_head import Chunks, Head, HttpError, read_answer, read_lines
from camfan_nodes.camera.multipart import StreamError, StreamParser, boundary_of
from camfan_testing.jpegs import jpeg, without_tables
from camfan_wire.jpeg import EOI, MAX_BYTES, SOI

PICTURES = [jpeg(64, 48, seed) for seed in range(4)] + [jpeg(640, 480, 9)]


def _with_thumbnail(picture: bytes) -> bytes:
    content = b"Exif\0\0" + jpeg(16, 16)
    return picture[:2] + b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content + picture[2:]


THUMBNAILED = _with_thumbnail(PICTURES[0])
BARE = without_tables(PICTURES[1])


def _fed(parts: StreamParser, stream: bytes, cuts: list[int]) -> list[bytes]:
    found, at = [], 0
    while at < len(stream):
        size = cuts[at % len(cuts)]
        found += [part.jpeg for part in parts.feed(stream[at : at + size])]
        at += size
    return found


@dataclass(frozen=True)
class Writing:
    """How one part is written around its picture."""

    lines: tuple[bytes, ...]
    boundary: bytes
    junk: bytes  # behind the picture
    after: bytes

    def part(self, picture: bytes) -> bytes:
        head = b"".join(line % {b"n": len(picture)} + b"\r\n" for line in self.lines)
        return self.boundary + head + b"\r\n" + picture + self.junk + self.after


LINES = st.lists(
    st.sampled_from(
        [
            b"Content-Length: %(n)d",
            b"Content-Length: 0",
            b"Content-Length: -1",
            b"Content-Length: 999999999",
            b"Content-Length: 12",
            b"content-length:%(n)d",
            b"Content-Length: many",
            b"Tue, 12 Jun 2012 01:56:34 GMT",
            b"X-Colon-Less",
            b" Folded: line",
            b"Server: \xe9\xff",
            b"X-Timestamp: 1.5",
            b"=",
            b": nameless",
        ]
    ),
    max_size=5,
)
TYPES = st.sampled_from(
    [b"Content-Type: image/jpeg", b"Content-type: text/html", b"CONTENT-TYPE:", b"Content-Type: x"]
)
JUNK = st.one_of(
    st.just(b""),
    st.just(PICTURES[3][-400:]),
    st.just(b"\xff\xd9"),
    st.just(PICTURES[2]),
    st.just(b"\xff\xd8\xff\xe0\x00\x10JFIF"),
    st.just(PICTURES[2][:900]),
    st.binary(max_size=60).filter(lambda data: b"\xff" not in data and b"-" not in data),
)
WRITINGS = st.builds(
    Writing,
    st.tuples(LINES, TYPES, LINES).map(lambda found: (*found[0], found[1], *found[2])),
    st.sampled_from([b"--frame\r\n", b"--frame\n", b"\r\n--frame\r\n", b"----frame  \r\n"]),
    JUNK,
    st.sampled_from([b"\r\n", b"\n", b"", b"\r\n\r\n", b"\r\n--frame"]),
)
CUTS = st.lists(st.integers(1, 700), min_size=1, max_size=20)


@given(st.lists(st.tuples(st.sampled_from([*PICTURES, THUMBNAILED, BARE]), WRITINGS)), CUTS)
def test_every_whole_picture_comes_out_once(
    written: list[tuple[bytes, Writing]], cuts: list[int]
) -> None:
    """Whatever stands before and behind pictures, and however the network cuts the bytes."""
    stream = b"".join(writing.part(picture) for picture, writing in written)

    assert _fed(StreamParser(b"frame"), stream, cuts) == [picture for picture, _ in written]


@pytest.mark.parametrize("boundary", [b"frame", b"a"])
def test_a_boundary_in_a_comment_ends_no_picture(boundary: bytes) -> None:
    content = b"\xff\xd9 of --a and --frame, \xff\xd8\xff\xda\r\n"
    segment = b"\xff\xfe" + (len(content) + 2).to_bytes(2, "big") + content
    pictures = [picture[:2] + segment + picture[2:] for picture in PICTURES]
    stream = b"".join(b"--" + boundary + b"\r\n\r\n" + each + b"\r\n" for each in pictures)

    assert _fed(StreamParser(boundary), stream, [97, 3, 1400]) == pictures


@pytest.mark.parametrize("declared", [b"frame", b"another", None])
@pytest.mark.parametrize("boundary", [b"--frame\r\n", b"--other\r\n", b"\r\n--frame\r\n", b""])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "head", [b"Content-Type: image/jpeg\r\nContent-Length: 7\r\n\r\n", b"\r\n"]
)
def test_any_boundary_or_none(
    declared: bytes | None, boundary: bytes, first: bool, head: bytes
) -> None:
    """The declared one, another one, none at all; before the first picture or behind it."""
    stream = b"".join(boundary + head + picture + b"\r\n" for picture in PICTURES)
    if not first:
        stream = stream.removeprefix(boundary)

    assert _fed(StreamParser(declared), stream, [97, 3, 1400]) == PICTURES


def test_pictures_behind_each_other() -> None:
    """A stream that is nothing but JPEGs."""
    assert _fed(StreamParser(), b"".join(PICTURES), [333]) == PICTURES


@pytest.mark.parametrize("at", [3, 100, 200, 700, -40, -1])
def test_a_picture_that_is_cut_off_costs_itself_only(at: int) -> None:
    """It is counted; the ones before and behind it come out."""
    pictures = [PICTURES[0], THUMBNAILED[:at], PICTURES[1], PICTURES[2]]
    stream = b"".join(
        b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + picture + b"\r\n" for picture in pictures
    )
    parts = StreamParser(b"frame")

    assert _fed(parts, stream, [50]) == [PICTURES[0], PICTURES[1], PICTURES[2]]
    assert parts.damaged == 1


def test_parts_that_are_not_pictures_are_counted() -> None:
    """A page, an empty part, a picture of another kind."""
    page = b"--x\r\nContent-Type: text/html\r\n\r\n<p>--x is not \xff\xd8 a boundary</p>\r\n"
    png = b"--x\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n" + bytes(range(256)) * 9 + b"\r\n"
    shot = b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + PICTURES[0] + b"\r\n"
    parts = StreamParser(b"x")

    assert _fed(parts, page + shot + png + page + shot + page, [64]) == [PICTURES[0]] * 2
    assert parts.skipped + parts.damaged == 3


def test_a_part_says_what_stands_in_its_head() -> None:
    """Of its own head, not of the one before, and when its first byte came."""
    parts = StreamParser(b"x")
    head = b"--x\r\nX-Number: %d\r\nno colon\r\n\r\n"

    parts.feed(head % 1 + PICTURES[0][:100], 1_000)
    [first] = parts.feed(PICTURES[0][100:] + b"\r\n" + head % 2, 2_000)
    [second] = parts.feed(PICTURES[1], 5_000)

    assert (first.head.get("x-number"), first.began_ns, first.waited_ns) == ("1", 1_000, 0)
    assert (second.head.get("x-number"), second.began_ns, second.waited_ns) == ("2", 5_000, 3_000)


PIECES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            PICTURES[0],
            PICTURES[1][:300],
            PICTURES[1][300:],
            b"\xff\xd8\xff",
            b"\xff\xd8",
            b"\xff\xd9",
        ]
    ),
    st.sampled_from([b"--x\r\n", b"\r\n\r\n", b"Content-Type: image/jpeg\r\n", b"y: z\r\n" * 30]),
)


@given(st.lists(PIECES, max_size=40), st.booleans())
def test_any_bytes_are_parts_or_refused(chunks: list[bytes], known: bool) -> None:
    """Any bytes give JPEGs that are in them, or a StreamError.

    Little is kept: at most one JPEG, and the last bytes between two of them.
    """
    parts, sent, at = StreamParser(b"x" if known else None), b"".join(chunks), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multipart, "MAX_BYTES", 2000)
        patch.setattr(multipart, "MAX_OTHER_BYTES", 2000)
        patch.setattr(multipart, "MAX_HEAD_BYTES", 300)
        for chunk in chunks:
            try:
                found = parts.feed(chunk)
            except StreamError:
                return
            for part in found:
                assert part.jpeg.startswith(SOI)
                assert part.jpeg.endswith(EOI)
                at = sent.index(part.jpeg, at) + len(part.jpeg)  # in order, and untouched
            assert len(parts._buffer) <= 2000 + len(chunk)
            assert len(parts._other) <= 2 * 300
            assert parts.others <= 2000 + len(chunk)


def _feed_again_and_again(parts: StreamParser, piece: bytes) -> None:
    for _ in range(2 * MAX_BYTES // len(piece)):
        parts.feed(piece)


@pytest.mark.parametrize(
    "piece",
    [bytes(100_000), b"Content-Type: x\r\n" * 5000, b"\xff\xd8\xff" * 30_000, b"\xff\xd8" * 50_000],
)
def test_bytes_without_a_picture_end_and_fill_no_memory(piece: bytes) -> None:
    parts = StreamParser(b"x")
    tracemalloc.start()
    try:
        with pytest.raises(StreamError, match=r"not an MJPEG stream|none of them is complete"):
            _feed_again_and_again(parts, piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 2_000_000


def test_a_picture_without_end_is_refused() -> None:
    parts = StreamParser()
    parts.feed(PICTURES[0][:-2])
    with pytest.raises(StreamError, match=f"more than {MAX_BYTES}"):
        _feed_again_and_again(parts, bytes(50_000))


@pytest.mark.parametrize(
    ("written", "boundary"),
    [
        ("multipart/x-mixed-replace; boundary=frame", b"frame"),
        ("multipart/x-mixed-replace;boundary=--frame", b"frame"),
        ('multipart/x-mixed-replace; boundary="a b"', b"a b"),
        ("multipart/x-mixed-replace; boundary =x", b"x"),
        ("multipart/x-mixed-replace; boundary= x; charset=y", b"x"),
        ('multipart/x-mixed-replace; BOUNDARY="x', b"x"),
        ("multipart/x-mixed-replace", None),
        ("multipart/x-mixed-replace; boundary=", None),
        ("multipart/x-mixed-replace; boundary=--", None),
        ("", None),
    ],
)
def test_boundaries_are_read_however_they_are_written(written: str, boundary: bytes | None) -> None:
    assert boundary_of(written) == boundary


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (b"HTTP/1.1 200 OK", 200),
        (b"HTTP/1.0 200", 200),
        (b"http/1.1  404  Not here", 404),
        (b"ICY 200 OK", 200),
        (b"HTTP/1.1 OK", 200),
        (b"HTTP/1.1", 200),
        (b"200 OK", 200),
        (b"HTTP 401 Login", 401),
        (b"Server: none", 200),
    ],
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_odd_status_lines(first: bytes, status: int, end: bytes) -> None:
    """What is not `name: value` hides nothing of what follows."""
    lines = [first, b"Tue, 12 Jun 2012 01:56:34 GMT", b"No colon", b"Content-Type: image/jpeg"]
    data = end.join([*lines, b"", b""])

    found = read_answer(data + b"body")

    assert found is not None
    assert (found.status, found.size) == (status, len(data))
    assert found.head.get("content-type") == "image/jpeg"


@pytest.mark.parametrize(
    "data", [PICTURES[0], b"--frame\r\nContent-Type: image/jpeg\r\n\r\n", b"\r\n--frame\r\n"]
)
def test_an_answer_without_a_head(data: bytes) -> None:
    found = read_answer(data)

    assert found is not None
    assert (found.status, found.size, found.head) == (200, 0, Head())


def test_a_picture_ends_a_head_that_has_no_end() -> None:
    found = read_answer(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n" + PICTURES[0])

    assert found is not None
    assert found.size == 43
    assert found.head.get("content-type") == "image/jpeg"


@given(st.binary(max_size=500))
@example(b"\x15\x03\x01\x00\x02\x02\x46")
@example(b"SSH-2.0-OpenSSH_9.2\r\n")
@example(b"RTSP/1.0 400 Bad Request\r\n\r\n")
def test_any_bytes_are_a_head_or_refused(data: bytes) -> None:
    try:
        found = read_answer(data)
    except HttpError:
        return
    assert found is None or 0 <= found.size <= len(data)


def test_a_head_without_end_is_refused() -> None:
    with pytest.raises(HttpError, match="more than 65536 bytes"):
        read_answer(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000)


@given(st.binary(max_size=300))
def test_lines_of_any_bytes(data: bytes) -> None:
    assert all(name == name.lower() for name in read_lines(data).lines)


@given(
    st.lists(st.binary(min_size=1, max_size=300), max_size=6),
    CUTS,
    st.sampled_from([b"%x\r\n", b"%X;ext=1\r\n", b"0%x \n"]),
)
def test_chunks_are_put_together(chunks: list[bytes], cuts: list[int], size: bytes) -> None:
    body = b"".join(size % len(chunk) + chunk + b"\r\n" for chunk in chunks) + b"0\r\n\r\n"
    found, reader, at = b"", Chunks(), 0
    while at < len(body):
        found += reader.feed(body[at : at + cuts[at % len(cuts)]])
        at += cuts[at % len(cuts)]

    assert found == b"".join(chunks)
    assert reader.ended


@pytest.mark.parametrize("body", [b"--frame\r\nContent-Type: image/jpeg\r\n\r\n", PICTURES[0]])
def test_a_body_that_only_says_that_it_is_in_chunks(body: bytes) -> None:
    reader = Chunks()

    assert reader.feed(body[:50]) + reader.feed(body[50:]) == body


@given(st.lists(st.binary(max_size=100), max_size=9))
def test_any_bytes_are_chunks_or_refused(pieces: list[bytes]) -> None:
    reader = Chunks()
    try:
        for piece in pieces:
            reader.feed(piece)
    except HttpError:
        pass


BODY = b"".join(b"--frame\r\n\r\n" + picture + b"\r\n" for picture in PICTURES)


def _deflated(data: bytes, bits: int) -> bytes:
    packer = zlib.compressobj(wbits=bits)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY[:500]) + gzip.compress(BODY[500:])),
        ("gzip", _deflated(BODY, zlib.MAX_WBITS)),
        ("deflate", _deflated(BODY, zlib.MAX_WBITS)),
        ("deflate", _deflated(BODY, -zlib.MAX_WBITS)),
        ("gzip", BODY),
        ("deflate", BODY),
    ],
)
@given(cuts=CUTS)
def test_compressed_bodies_are_unpacked(coding: str, packed: bytes, cuts: list[int]) -> None:
    """Also in several pieces, without a head, and where it is not compressed at all."""
    inflater, found, at = Inflater(coding), b"", 0
    while at < len(packed):
        size = cuts[at % len(cuts)]
        inflater.feed(packed[at : at + size])
        at += size
        while piece := inflater.take():
            found += piece

    assert found == BODY


def test_a_body_that_unpacks_to_far_more_comes_in_pieces() -> None:
    inflater = Inflater("gzip")
    inflater.feed(gzip.compress(bytes(50_000_000)))
    tracemalloc.start()
    total = 0
    while piece := inflater.take():
        total += len(piece)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert total == 50_000_000
    assert most < 5_000_000


@given(st.sampled_from(["gzip", "deflate"]), st.lists(st.binary(max_size=50), max_size=10))
def test_any_bytes_can_be_unpacked_or_are_refused(coding: str, pieces: list[bytes]) -> None:
    inflater = Inflater(coding)
    with contextlib.suppress(HttpError):
        for piece in pieces:
            inflater.feed(piece)
            while inflater.take():
                pass


def test_cookies_are_few_and_cannot_write_into_a_request() -> None:
    cookies = Cookies()
    cookies.keep([f"n{number}=v{number}; Path=/" for number in range(100)])
    cookies.keep(["n99=; Path=/", "n98=x; Max-Age=0", "n97=new; HttpOnly", "=x", "a b=c", "alone"])
    cookies.keep(["evil=a\r\nX-Header: b"])

    assert cookies.header().startswith("n80=v80; ")
    assert cookies.header().endswith("n96=v96; n97=new; evil=a")
