"""What a crash leaves of a file is kept to the last whole frame."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from camfan.recording import matroska
from camfan.recording.matroska import About, FrameRecord
from camfan_nodes.recorder.salvage import SegmentContents, read_segment, repair_segment
from camfan_nodes.recorder.segment import Segment
from camfan_testing.recordings import START_NS, packets, picture

STEP_NS = 400_000_000
SMALL = [picture(n, 16, 16) for n in range(4)]


def write(folder: Path, jpegs: list[bytes], *, finish: bool = False) -> Path:
    segment = Segment(folder, About("porch", 16, 16, START_NS))
    for sequence, jpeg in enumerate(jpegs):
        time_ns = START_NS + sequence * STEP_NS
        segment.append(memoryview(jpeg), FrameRecord(0xA1, sequence, time_ns, time_ns))
    if finish:
        segment.finish()
    segment.close()
    return segment.path


def read(path: Path, trusted_bytes: int | None = 0) -> SegmentContents:
    contents = read_segment(path, trusted_bytes)
    assert contents is not None
    return contents


def test_every_torn_tail_keeps_the_frames_before_it(tmp_path: Path) -> None:
    """Cut anywhere in its last frame, a file is repaired to the frame before and is seekable."""
    whole = write(tmp_path, SMALL).read_bytes()
    torn = tmp_path / "torn.mkv"
    torn.write_bytes(whole)
    last = read(torn).frames[-1]

    for length in range(last.start, len(whole)):
        torn.write_bytes(whole[:length])
        contents = read(torn)
        assert len(contents.frames) == 3
        assert not contents.finished
        assert repair_segment(torn, contents) == torn.stat().st_size
        again = read(torn)
        assert (again.finished, again.frames) == (True, contents.frames)
    assert packets(torn) == [(n * 400, SMALL[n]) for n in range(3)]
    with av.open(str(torn)) as container:
        assert container.duration == 800_000


def test_a_torn_file_plays_before_it_is_repaired(tmp_path: Path) -> None:
    """FFmpeg reads the whole frames of a file that was cut anywhere in its last frame."""
    path = write(tmp_path, SMALL)
    whole, last = path.read_bytes(), read(path).frames[-1]

    for length in range(last.start, len(whole), 61):
        path.write_bytes(whole[:length])
        assert packets(path)[:3] == [(n * 400, SMALL[n]) for n in range(3)]


def test_a_file_cut_in_its_end_is_repaired_whole(tmp_path: Path) -> None:
    """A crash while a file was being finished costs no frame, wherever it struck."""
    path = write(tmp_path, SMALL, finish=True)
    whole, frames = path.read_bytes(), read(path).frames

    for length in range(frames[-1].end, len(whole)):
        path.write_bytes(whole[:length])
        contents = read(path)
        assert (contents.frames, contents.finished) == (frames, False)
        repair_segment(path, contents)
        assert path.read_bytes() == whole


def test_a_frame_of_zeros_is_taken_out(tmp_path: Path) -> None:
    """A frame whose bytes never reached the disk is not played; those around it are."""
    path = write(tmp_path, SMALL)
    data = bytearray(path.read_bytes())
    place = read(path).frames[1]
    data[place.offset + 8 : place.offset + place.size] = bytes(place.size - 8)
    path.write_bytes(data)

    contents = read(path)
    repair_segment(path, contents)

    assert [place.record.sequence for place in contents.damaged] == [1]
    assert packets(path) == [(n * 400, SMALL[n]) for n in (0, 2, 3)]
    again = read(path)
    assert [place.record.sequence for place in again.frames] == [0, 2, 3]
    assert again.finished


def test_frames_that_are_surely_on_the_disk_are_not_read_again(tmp_path: Path) -> None:
    """Checksums are compared only beyond what was synced, and not at all in a finished file."""
    path = write(tmp_path, SMALL, finish=True)
    data = bytearray(path.read_bytes())
    place = read(path).frames[1]
    data[place.offset] ^= 0xFF
    path.write_bytes(data)

    assert len(read(path, place.end).damaged) == 0
    assert len(read(path, None).damaged) == 0
    assert len(read(path, 0).damaged) == 1


def test_a_picture_cannot_pass_for_frames(tmp_path: Path) -> None:
    """A JPEG that holds a forged frame is torn like any other: nothing inside it is believed."""
    record = FrameRecord(0xBAD, 999, START_NS, START_NS)
    before, after = matroska.frame_parts(memoryview(SMALL[0]), record, 0)
    hostile = b"\xff\xd8" + (before + SMALL[0] + after) * 3 + b"\xff\xd9"
    path = write(tmp_path, [SMALL[0], hostile])
    whole = path.read_bytes()
    last = read(path).frames[-1]

    for length in range(last.offset, last.end, 97):
        path.write_bytes(whole[:length])
        assert [place.record.sequence for place in read(path).frames] == [0]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(5000), id="zeros"),
        pytest.param(b"\x1a\x45\xdf\xa3" + bytes(5000), id="almost"),
        pytest.param(b"RIFF" * 500, id="another format"),
        pytest.param(matroska.header(About("porch", 16, 16, START_NS))[:-1], id="torn header"),
    ],
)
def test_what_is_not_a_segment_is_recognised(data: bytes, tmp_path: Path) -> None:
    """A file that a recorder cannot have written is None, not an error."""
    path = tmp_path / "file.mkv"
    path.write_bytes(data)

    assert read_segment(path) is None
