"""A segment is standard Matroska: FFmpeg reads back every byte and every millisecond."""

from __future__ import annotations

import datetime
import os
import tempfile
from itertools import accumulate, pairwise
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camfan.recording import matroska
from camfan.recording.errors import RecordingError
from camfan.recording.matroska import About, End, FrameRecord
from camfan_nodes.recorder.salvage import read_segment
from camfan_nodes.recorder.segment import Segment, file_name
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import START_NS, packets, picture

ABOUT = About("porch", 64, 48, START_NS)
U64 = st.integers(0, 2**64 - 1)
I64 = st.integers(-(2**63), 2**63 - 1)


def write(folder: Path, jpegs: list[bytes], times_ns: list[int]) -> Segment:
    segment = Segment(folder, About("porch", 64, 48, times_ns[0] if times_ns else START_NS))
    for sequence, (jpeg, time_ns) in enumerate(zip(jpegs, times_ns, strict=True)):
        segment.append(memoryview(jpeg), FrameRecord(0xA1, sequence, time_ns, time_ns))
    return segment


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.binary(max_size=3000), st.integers(0, 90_000_000_000)),
        min_size=1,
        max_size=12,
    ),
    st.booleans(),
)
def test_what_is_written_is_what_ffmpeg_reads(
    frames: list[tuple[bytes, int]], finished: bool
) -> None:
    """Any bytes and any times come back from FFmpeg as they were, closed or not."""
    jpegs = [picture(0), *(b"\xff\xd8" + data + b"\xff\xd9" for data, _ in frames)]
    times = list(accumulate((START_NS, *(step for _, step in frames))))
    with tempfile.TemporaryDirectory() as folder:
        segment = write(Path(folder), jpegs, times)
        if finished:
            segment.finish()
        segment.close()

        found = packets(segment.path)

    assert [data for _, data in found] == jpegs
    expected = [(time_ns - START_NS) / 1e6 for time_ns in times]
    assert all(abs(ms - want) <= 0.5 for (ms, _), want in zip(found, expected, strict=True))


@given(U64, U64, I64, I64, st.binary(max_size=200), st.integers(0, 2**62))
def test_record_round_trip(
    run: int, sequence: int, captured_ns: int, time_ns: int, jpeg: bytes, since_ns: int
) -> None:
    """What is kept beside a JPEG comes back, for any record there can be."""
    record = FrameRecord(run, sequence, captured_ns, time_ns)

    before, after = matroska.frame_parts(memoryview(jpeg), record, since_ns)

    assert matroska.read_suffix(after) == (record, matroska.checksum(memoryview(jpeg), record))
    since_ms = (since_ns + 500_000) // 1_000_000
    assert matroska.read_prefix(before) == (since_ms, len(jpeg))


@given(st.binary(max_size=200))
def test_junk_is_not_a_frame(junk: bytes) -> None:
    """Reading is total: other bytes are None, never an error."""
    assert matroska.read_prefix(junk) is None
    assert matroska.read_prefix(junk.ljust(matroska.PREFIX_BYTES)[: matroska.PREFIX_BYTES]) is None
    assert matroska.read_suffix(junk.ljust(matroska.SUFFIX_BYTES)[: matroska.SUFFIX_BYTES]) is None


@given(st.integers(0, 2**62), st.integers(1, 2**40), st.integers(1, 2**40))
def test_the_header_keeps_its_length(duration_ns: int, cues_at: int, more: int) -> None:
    """The header of a finished file fits where that of the open file was."""
    end = End(duration_ns, 1000 + cues_at, 1000 + cues_at + more)

    assert len(matroska.header(ABOUT, end)) == len(matroska.header(ABOUT))


def test_a_finished_file_is_seekable(tmp_path: Path) -> None:
    """It has its duration, its date and its camera, and seeking lands within a second."""
    times = [START_NS + n * 250_000_000 for n in range(41)]
    segment = write(tmp_path, [picture(n) for n in range(41)], times)
    segment.finish()
    segment.close()

    with av.open(str(segment.path)) as container:
        assert container.duration == 10_000_000
        assert container.metadata["title"] == "porch"
        created = datetime.datetime.fromisoformat(container.metadata["creation_time"])
        assert created.timestamp() == pytest.approx(START_NS / 1e9, abs=1e-5)
        container.seek(7_600_000)
        packet = next(container.demux())
        assert packet.pts is not None
        assert 6600 < packet.pts <= 7600
        assert bytes(packet) == picture(packet.pts // 250)


def test_an_open_file_shows_each_frame_at_once(tmp_path: Path) -> None:
    """A reader that opens the file while it is written finds every frame so far."""
    segment = Segment(tmp_path, ABOUT)
    for count in range(1, 4):
        time_ns = START_NS + count * 40_000_000
        segment.append(memoryview(picture(count)), FrameRecord(1, count, time_ns, time_ns))

        assert [data for _, data in packets(segment.path)] == [
            picture(n) for n in range(1, count + 1)
        ]
    segment.close()


def test_a_file_has_its_name_once_it_plays(tmp_path: Path) -> None:
    """Killed before its first frame is whole, a recorder leaves nothing that is called a segment,
    and what it left is removed at the next start.
    """
    segment = Segment(tmp_path, ABOUT)
    assert list(tmp_path.rglob("*.mkv")) == []
    segment.close()  # as a kill does

    with Storage("archive", tmp_path, 60.0, 5.0):
        assert [path for path in tmp_path.rglob("*") if path.suffix in (".mkv", ".new")] == []


def test_ffmpeg_sees_the_record_of_each_frame(tmp_path: Path) -> None:
    """Run and sequence travel as a BlockAddition, which remuxing keeps."""
    segment = write(tmp_path, [picture(1)], [START_NS])
    segment.close()

    with av.open(str(segment.path)) as container:
        (side,) = next(container.demux()).iter_sidedata()

    assert bytes(side)[8:12] == b"CFR1"
    assert int.from_bytes(bytes(side)[12:20], "big") == 0xA1


def test_a_name_is_utc_and_below_its_camera() -> None:
    """The path of a segment tells the camera, the day and the start."""
    assert file_name("porch", START_NS) == "porch/2026-11-22/2026-11-22T10-15-00.123Z.mkv"
    assert file_name("porch", START_NS, 1).endswith("2026-11-22T10-15-00.123Z_2.mkv")
    assert file_name("porch", 0) == "porch/1970-01-01/1970-01-01T00-00-00.000Z.mkv"


@pytest.mark.parametrize("camera", ["", "..", "../etc", "a/b", "A", "a\n", "a" * 65, "-a", "\0"])
def test_no_file_is_named_after_another_word(camera: str, tmp_path: Path) -> None:
    """A name that the site file would refuse never becomes a path."""
    with pytest.raises(RecordingError, match="is not a name of a camera"):
        Segment(tmp_path, About(camera, 64, 48, START_NS))

    assert list(tmp_path.iterdir()) == []


def test_no_file_is_ever_overwritten(tmp_path: Path) -> None:
    """Two segments that begin in the same millisecond are two files."""
    segments = [write(tmp_path, [picture(n)], [START_NS]) for n in range(3)]
    for segment in segments:
        segment.close()

    assert len({segment.path for segment in segments}) == 3
    for number, segment in enumerate(segments):
        assert packets(segment.path) == [(0, picture(number))]


def test_a_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    """Where the recorder's folder vanished, a disk is not mounted: nothing is put in its place."""
    with pytest.raises(FileNotFoundError):
        Segment(tmp_path / "gone", ABOUT)

    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    "jpeg",
    [
        pytest.param(picture(1) + b"\r\n--boundary", id="trailing bytes"),
        pytest.param(picture(1)[:-2], id="no end"),
        pytest.param(b"\xff\xd8\xff\xd9", id="empty"),
        pytest.param(b"", id="nothing"),
        pytest.param(os.urandom(4096), id="noise"),
        pytest.param(b"\x1f\x43\xb6\x75" * 500, id="cluster ids"),
    ],
)
def test_a_jpeg_is_only_bytes(jpeg: bytes, tmp_path: Path) -> None:
    """Whatever a camera calls a JPEG is stored as it came, and its neighbours with it."""
    jpegs = [picture(0), jpeg, picture(2)]
    segment = write(tmp_path, jpegs, [START_NS, START_NS + 10**9, START_NS + 2 * 10**9])
    segment.finish()
    segment.close()

    contents = read_segment(segment.path)
    assert contents is not None
    data = segment.path.read_bytes()
    assert [data[place.offset : place.offset + place.size] for place in contents.frames] == jpegs
    assert [data for _, data in packets(segment.path)] == [jpeg for jpeg in jpegs if jpeg]


def test_elements_are_nested_exactly(tmp_path: Path) -> None:
    """Sizes add up: every top element of a finished file ends where the next one begins."""
    segment = write(tmp_path, [picture(n) for n in range(5)], [START_NS + n for n in range(5)])
    segment.finish()
    segment.close()
    data = segment.path.read_bytes()

    ends = [matroska.DATA_AT]
    names = []
    while ends[-1] < len(data):
        names.append(int.from_bytes(data[ends[-1] : ends[-1] + 4], "big"))
        size = int.from_bytes(data[ends[-1] + 4 : ends[-1] + 12], "big") & ~(1 << 56)
        ends.append(ends[-1] + 12 + size)

    assert ends[-1] == len(data)
    assert all(earlier < later for earlier, later in pairwise(ends))
    assert names[1:] == [matroska.INFO, matroska.TRACKS, *[matroska.CLUSTER] * 5, matroska.CUES]
