"""The source `file`: videos of every kind as a camera."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg

from camfan_config.types import FileCamera, Polygon, Size
from camfan_nodes.camera.encode import encoder_of
from camfan_nodes.camera.source import CapturedFrame, Idle, SourceError
from camfan_nodes.camera.video_file import FileSource
from camfan_testing.cameras import FakeClock, packets_of, write_video
from camfan_testing.data import shared


def _play(camera: FileCamera, most: int = 10_000) -> Iterator[tuple[float, bytes]]:
    """(seconds since the start, JPEG) of each published picture, until the file is over."""
    clock, encoder = FakeClock(), encoder_of(camera)
    begun_ns = clock.now_ns
    with FileSource(camera, clock).open() as stream:
        while most:
            got = stream.capture()
            if isinstance(got, CapturedFrame):
                most -= 1
                assert got.captured_ns == clock.wall_ns()
                yield (clock.now_ns - begun_ns) / 1e9, encoder.encode(got)
            elif got is Idle.ENDED:
                return


def _jpegs(camera: FileCamera, most: int = 10_000) -> list[bytes]:
    return [jpeg for _, jpeg in _play(camera, most)]


def _times(camera: FileCamera, most: int = 10_000) -> list[float]:
    return [round(at_s, 3) for at_s, _ in _play(camera, most)]


def _brightness(jpeg: bytes) -> int:
    """Which `scene` this is."""
    grey = simplejpeg.decode_jpeg(jpeg, colorspace="GRAY")
    return round((float(np.median(grey)) - 20) / 8)


def _trouble(path: Path, *, loop: bool = False) -> str:
    with pytest.raises(SourceError) as caught:
        _jpegs(FileCamera(path=str(path), loop=loop))
    return str(caught.value)


@pytest.mark.parametrize("suffix", ["avi", "mkv", "mov"])
def test_mjpeg_goes_through_untouched(tmp_path: Path, suffix: str) -> None:
    """Every published JPEG is, byte for byte, a packet of the file, in its order."""
    path = write_video(tmp_path / f"walk.{suffix}", 12)

    published = _jpegs(FileCamera(path=str(path)))

    assert len(published) == 12
    assert published == packets_of(path)


@pytest.mark.parametrize("name", ["psu_walk.avi", "psu_trees.avi", "psu_movecam.avi"])
def test_real_mjpeg_goes_through_untouched(name: str) -> None:
    """The same for webcam recordings with odd numbers of lines."""
    path = shared(f"video/{name}")

    assert _jpegs(FileCamera(path=str(path))) == packets_of(path)


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_other_videos_are_decoded_in_order(tmp_path: Path, codec: str) -> None:
    """Each picture of an encoded video is published once, in the order it is shown."""
    path = write_video(tmp_path / "walk.mp4", 20, codec=codec)

    published = _jpegs(FileCamera(path=str(path)))

    assert [_brightness(jpeg) for jpeg in published] == list(range(20))


def test_a_file_plays_at_its_own_pace(tmp_path: Path) -> None:
    """Pictures come when their timestamps say, not as fast as they can be read."""
    path = write_video(tmp_path / "walk.avi", 5, fps=4)

    assert _times(FileCamera(path=str(path))) == [0, 0.25, 0.5, 0.75, 1]


def test_a_variable_rate_is_kept(tmp_path: Path) -> None:
    """Uneven timestamps are played unevenly."""
    milliseconds = [0, 100, 150, 1150, 1200]
    path = write_video(tmp_path / "walk.mkv", 5, times=milliseconds)

    assert _times(FileCamera(path=str(path))) == [0, 0.1, 0.15, 1.15, 1.2]


def test_a_real_variable_rate_is_kept() -> None:
    """The intervals of a real video of variable rate come out as they are in the file."""
    path = shared("video/traffic_camera_vfr.mp4")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        stamps = sorted(packet.pts or 0 for packet in container.demux(stream) if packet.size)
        wanted = [float(stamp * stream.time_base) for stamp in stamps[:40]]

    assert _times(FileCamera(path=str(path)), 40) == pytest.approx(wanted, abs=0.002)


def test_a_loop_has_neither_pause_nor_jump(tmp_path: Path) -> None:
    """The first picture of the next round follows the last at the usual interval."""
    path = write_video(tmp_path / "walk.avi", 4, fps=10)

    played = list(_play(FileCamera(path=str(path), loop=True), 12))

    assert [round(at_s, 3) for at_s, _ in played] == [round(n / 10, 3) for n in range(12)]
    assert [jpeg for _, jpeg in played] == packets_of(path) * 3


def test_a_file_that_does_not_loop_ends(tmp_path: Path) -> None:
    """After its last picture it says that it is over, and keeps saying so."""
    path = write_video(tmp_path / "walk.avi", 2)
    with FileSource(FileCamera(path=str(path)), FakeClock()).open() as stream:
        assert isinstance(stream.capture(), CapturedFrame)
        assert isinstance(stream.capture(), CapturedFrame)

        assert [stream.capture(), stream.capture()] == [Idle.ENDED, Idle.ENDED]


def test_fps_is_a_limit(tmp_path: Path) -> None:
    """`fps` leaves pictures out evenly, untouched ones as well as decoded ones."""
    for codec, name in (("mjpeg", "a.avi"), ("libx264", "b.mp4")):
        path = write_video(tmp_path / name, 20, codec=codec, fps=20)

        played = list(_play(FileCamera(path=str(path), fps=5)))

        assert [round(at_s, 3) for at_s, _ in played] == [0, 0.2, 0.4, 0.6, 0.8]
        assert [_brightness(jpeg) for _, jpeg in played] == [0, 4, 8, 12, 16]


def test_raw_h264_plays_at_its_nominal_rate(tmp_path: Path) -> None:
    """A stream without timestamps, as a Pi records it, still has a pace."""
    path = write_video(tmp_path / "walk.h264", 10, codec="libx264", fps=25)

    times = _times(FileCamera(path=str(path)))

    assert len(times) == 10
    gaps = {round(b - a, 3) for a, b in itertools.pairwise(times)}
    assert gaps == {0.04}


def test_real_raw_h264_plays() -> None:
    """Raw H.264 of a Raspberry Pi camera plays at 25 fps."""
    times = _times(FileCamera(path=str(shared("video/walking-by.h264"))), 25)

    assert times == pytest.approx([n / 25 for n in range(25)], abs=0.001)


@pytest.mark.parametrize("codec", ["mjpeg", "libx264"])
def test_a_picture_that_is_changed_is_encoded_here(tmp_path: Path, codec: str) -> None:
    """`size` and `rotate` work on any video, at the price of encoding."""
    path = write_video(tmp_path / "walk.mkv", 3, codec=codec)
    camera = FileCamera(path=str(path), size=Size(32, 24), rotate=90)

    for index, jpeg in enumerate(_jpegs(camera)):
        image = simplejpeg.decode_jpeg(jpeg, colorspace="GRAY")[:, :, 0]
        assert image.shape == (32, 24)
        assert _brightness(jpeg) == index
        assert image[:6, -4:].mean() > 200 > image[:6, :4].mean()  # the corner went right


def test_mjpeg_in_its_own_size_goes_through(tmp_path: Path) -> None:
    """The size that the file already has does not make it be encoded."""
    path = write_video(tmp_path / "walk.avi", 3)

    assert _jpegs(FileCamera(path=str(path), size=Size(64, 48))) == packets_of(path)


def test_privacy_is_never_published(tmp_path: Path) -> None:
    """A video with a privacy polygon is painted, MJPEG too."""
    path = write_video(tmp_path / "walk.avi", 3)
    everything: dict[str, Polygon] = {"all": ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))}

    for jpeg in _jpegs(FileCamera(path=str(path), privacy=everything)):
        assert simplejpeg.decode_jpeg(jpeg, colorspace="GRAY").max() < 8


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_phone_videos_are_upright(turn: int) -> None:
    """The rotation that a phone wrote into the file is applied."""
    path = shared(f"video/broken_video/decord_video_{turn}.mov")

    height, width, *_ = simplejpeg.decode_jpeg_header(_jpegs(FileCamera(path=str(path)))[0])

    assert (width, height) == ((320, 568) if turn % 180 else (568, 320))


def test_odd_numbers_of_lines() -> None:
    """A night street of 1080 lines and a webcam of 243 come out in their own size."""
    for name, size in (("night_street_1080p_8frames.mp4", (1920, 1080)), ("vtest.avi", (768, 576))):
        jpeg = _jpegs(FileCamera(path=str(shared(f"video/{name}"))), 1)[0]
        assert simplejpeg.decode_jpeg_header(jpeg)[1::-1] == size


def test_what_is_missing_is_named_with_what_is_there(tmp_path: Path) -> None:
    """A wrong path is answered with the nearest right one."""
    write_video(tmp_path / "street.avi", 1)

    assert "there is no such file; in its folder: street.avi" in _trouble(tmp_path / "streat.avi")
    assert f"only {tmp_path}" in _trouble(tmp_path / "clips" / "street.avi")


def test_files_that_are_not_a_video(tmp_path: Path) -> None:
    """Each kind of wrong file has its own sentence, which names it."""
    (tmp_path / "empty.avi").touch()
    (tmp_path / "text.avi").write_text("a letter, not a film\n" * 100)
    (tmp_path / "folder.avi").mkdir()
    os.mkfifo(tmp_path / "pipe.avi")
    write_video(tmp_path / "sound.wav", audio_only=True)
    wanted = {
        "empty.avi": "the file is empty (0 bytes)",
        "text.avi": "not a video that can be read (Invalid data found when processing input)",
        "folder.avi": "a folder; the source `images` plays folders",
        "pipe.avi": "not a regular file",
        "sound.wav": "no video in it; WAV",
    }

    for name, words in wanted.items():
        sentence = _trouble(tmp_path / name)
        assert sentence.startswith(f"{tmp_path / name}: ")
        assert words in sentence
        assert "\n" not in sentence


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """Permissions are named as the reason."""
    path = write_video(tmp_path / "walk.avi", 1)
    path.chmod(0)

    assert "cannot be read: permission denied" in _trouble(path)


def test_real_broken_files() -> None:
    """Files that other programs crashed on are one sentence here."""
    assert "empty (0 bytes)" in _trouble(shared("video/broken_video/pupil_empty0bytes.mp4"))
    headless = _trouble(shared("video/broken_video/pupil_headeronly_262bytes.mp4"))
    assert "no video in it" in headless
    assert "262 bytes" in headless


def test_a_truncated_file_plays_up_to_its_end(tmp_path: Path) -> None:
    """What is whole of a torn AVI is played, and it loops."""
    whole = write_video(tmp_path / "walk.avi", 20)
    torn = tmp_path / "torn.avi"
    data = whole.read_bytes()
    torn.write_bytes(data[: data.index(packets_of(whole)[10]) + 20])

    published = _jpegs(FileCamera(path=str(torn)))

    assert published[:10] == packets_of(whole)[:10]
    assert len(published) <= 11
    assert len(_jpegs(FileCamera(path=str(torn), loop=True), 40)) == 40


def test_a_damaged_file_plays_what_can_be_decoded(tmp_path: Path) -> None:
    """Pictures that cannot be decoded are counted and left out; the rest goes on."""
    path = write_video(tmp_path / "walk.avi", 20, codec="mpeg4", size=(320, 240))
    data = bytearray(path.read_bytes())
    packets = packets_of(path)
    for packet in packets[5:8]:
        at = data.index(packet)
        data[at : at + len(packet)] = bytes(len(packet))
    path.write_bytes(data)
    source = FileSource(FileCamera(path=str(path)), FakeClock())

    with source.open() as stream:
        pictures = list(iter(stream.capture, Idle.ENDED))

    assert 10 <= len(pictures) < 20
    assert source.counts.unreadable > 0


def test_a_real_damaged_file_plays() -> None:
    """49 of the 50 pictures of a corrupt video are played, and the other one counted."""
    path = shared("video/broken_video/decord_corrupted.mp4")
    source = FileSource(FileCamera(path=str(path)), FakeClock())

    with source.open() as stream:
        pictures = list(iter(stream.capture, Idle.ENDED))

    assert len(pictures) == 49
    assert source.counts.unreadable >= 1


def test_a_video_without_one_good_picture(tmp_path: Path) -> None:
    """A video in which nothing can be decoded is an error, not a silent loop."""
    path = write_video(tmp_path / "walk.avi", 5, codec="mpeg4")
    data = bytearray(path.read_bytes())
    for packet in packets_of(path):
        at = data.index(packet)
        data[at : at + len(packet)] = bytes(len(packet))
    path.write_bytes(data)

    assert "not one frame in it can be decoded" in _trouble(path, loop=True)


def test_a_file_that_vanishes_while_it_loops(tmp_path: Path) -> None:
    """A loop whose file is taken away is an outage, with the file's name."""
    path = write_video(tmp_path / "walk.avi", 2)
    with FileSource(FileCamera(path=str(path), loop=True), FakeClock()).open() as stream:
        stream.capture()
        path.unlink()

        with pytest.raises(SourceError, match="there is no such file"):
            list(iter(stream.capture, Idle.ENDED))
