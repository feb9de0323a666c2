"""Exports: an interval as one file that other programs read, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg

from camfan import Recording
from camfan.frame import Frame
from camfan_nodes.cli import main
from camfan_nodes.export.exporting import export_recording
from camfan_nodes.export.manifest import Manifest
from camfan_nodes.export.request import (
    ExportCancelledError,
    ExportError,
    ExportRequest,
    check_request,
    format_of,
)
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import INTERVAL_NS, RUN, START_NS, frame, picture
from camfan_wire.messages import Gap

COLOURS = {"porch": (200, 60, 60), "barn": (60, 200, 60), "gate": (60, 60, 200), "yard": (180,) * 3}
SECOND_NS = 1_000_000_000


@cache
def flat(colour: tuple[int, int, int], width: int, height: int) -> bytes:
    image = np.full((height, width, 3), colour, np.uint8)
    return bytes(simplejpeg.encode_jpeg(image, quality=90, colorspace="RGB"))


def shown(
    number: int,
    camera: str = "porch",
    *,
    width: int = 160,
    height: int = 120,
    at: int | None = None,
) -> Frame:
    jpeg = flat(COLOURS[camera], width, height)
    return frame(number, camera=camera, jpeg=jpeg, width=width, height=height, captured=at)


def record(folder: Path, *items: Frame | Gap) -> None:
    with Storage("archive", folder, 1.0, 5.0) as storage:
        for item in items:
            if isinstance(item, Gap):
                storage.gap(item)
            else:
                storage.append(item)


def export(
    folder: Path,
    name: str,
    cameras: tuple[str, ...] = ("porch",),
    *,
    cancelled: Callable[[], bool] = lambda: False,
    **options: object,
) -> Manifest:
    output = folder / "out" / name
    output.parent.mkdir(exist_ok=True)
    request = ExportRequest(
        cameras=cameras,
        output=output,
        format=format_of(output),
        **options,  # type: ignore[arg-type]  # a test may give any of them
    )
    with Recording(folder) as recording:
        return export_recording(recording, request, cancelled=cancelled)


def left(folder: Path) -> list[str]:
    """The files of the folder of exports, hidden ones too."""
    return sorted(path.name for path in (folder / "out").iterdir())


def decoded(path: Path) -> list[tuple[float, np.ndarray]]:
    """(seconds, RGB) of each picture of a video."""
    with av.open(str(path)) as container:
        return [
            (float(each.time or 0), each.to_ndarray(format="rgb24"))
            for each in container.decode(video=0)
        ]


def length_s(path: Path) -> float:
    with av.open(str(path)) as container:
        return (container.duration or 0) / 1e6


def test_an_mp4_shows_each_frame_at_its_time(tmp_path: Path) -> None:
    """As many pictures as frames, at the times at which they were taken, in the right colours."""
    times = [0, 66, 133, 200, 900, 960, 2000, 2100]
    record(tmp_path, *(shown(n, at=START_NS + ms * 1_000_000) for n, ms in enumerate(times)))

    manifest = export(tmp_path, "a.mp4")

    path = tmp_path / "out" / "a.mp4"
    found = decoded(path)
    assert [round(at * 1000) for at, _ in found] == times
    assert max(abs(image.mean((0, 1)) - COLOURS["porch"]).max() for _, image in found) < 6
    assert 2.1 < length_s(path) < 2.3
    assert (manifest.pictures, manifest.cameras[0].frames) == (8, 8)


def test_an_mp4_plays_in_browsers_and_phones(tmp_path: Path) -> None:
    """The index comes first, 4:2:0, even sizes, square pixels."""
    record(tmp_path, *(shown(n, width=161, height=121) for n in range(20)))

    export(tmp_path, "a.mp4")

    path = tmp_path / "out" / "a.mp4"
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.codec_context.pix_fmt) == (160, 120, "yuv420p")
        assert stream.codec_context.name == "h264"


def test_frames_of_another_size_keep_their_shape(tmp_path: Path) -> None:
    """A camera whose size changed fills the picture as far as its shape allows."""
    tall = [shown(n + 5, width=60, height=120) for n in range(5)]
    record(tmp_path, *(shown(n) for n in range(5)), *tall)

    export(tmp_path, "a.mp4")

    found = decoded(tmp_path / "out" / "a.mp4")
    assert len(found) == 10
    last = found[-1][1]
    assert last.shape == (120, 160, 3)
    assert last[60, 80].tolist() == pytest.approx(COLOURS["porch"], abs=12)
    assert last[60, 10].max() < 30


def test_an_mkv_has_the_original_jpegs(tmp_path: Path) -> None:
    """Byte for byte, a track a camera, at their times."""
    numbers = range(12)
    record(
        tmp_path,
        *(frame(n) for n in numbers),
        *(frame(n + 50, camera="barn", captured=START_NS + n * SECOND_NS) for n in range(4)),
    )

    manifest = export(tmp_path, "a.mkv", ("porch", "barn"))

    with av.open(str(tmp_path / "out" / "a.mkv")) as container:
        titles = [stream.metadata["title"] for stream in container.streams]
        found: list[list[bytes]] = [[], []]
        times: list[list[int]] = [[], []]
        for packet in container.demux():
            if packet.size:
                found[packet.stream_index].append(bytes(packet))
                times[packet.stream_index].append(packet.pts or 0)
    assert titles == ["porch", "barn"]
    assert found[0] == [picture(n) for n in numbers]
    assert found[1] == [picture(n + 50) for n in range(4)]
    assert times[0] == [round(n * INTERVAL_NS / 1e6) for n in numbers]
    assert times[1] == [0, 1000, 2000, 3000]
    assert [each.frames for each in manifest.cameras] == [12, 4]


def test_a_zip_has_the_original_jpegs_and_their_list(tmp_path: Path) -> None:
    """Names in order of time; the list has numbers, times and checksums."""
    record(tmp_path, *(frame(n) for n in range(30)))

    export(tmp_path, "a.zip", start_ns=START_NS + 5 * INTERVAL_NS, end_ns=START_NS + SECOND_NS)

    with zipfile.ZipFile(tmp_path / "out" / "a.zip") as archive:
        listed = json.loads(archive.read("frames.json"))
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        assert archive.testzip() is None
        assert [archive.read(name) for name in names] == [picture(n) for n in range(5, 15)]
    assert names == sorted(names)
    assert names[0] == "porch/2026-11-22T10-15-00.456Z_00000005.jpg"
    assert [each["file"] for each in listed] == names
    assert [each["sequence"] for each in listed] == list(range(5, 15))
    assert listed[0]["sha256"] == hashlib.sha256(picture(5)).hexdigest()


def test_a_time_lapse_shows_one_frame_of_each_interval(tmp_path: Path) -> None:
    """An hour at one frame a minute and 30 a second takes two seconds."""
    record(tmp_path, *(shown(n, at=START_NS + n * 20 * SECOND_NS) for n in range(180)))

    manifest = export(tmp_path, "a.mp4", every_s=60.0, fps=30.0)

    assert manifest.pictures == 60
    assert len(decoded(tmp_path / "out" / "a.mp4")) == 60
    assert length_s(tmp_path / "out" / "a.mp4") == pytest.approx(2.0, abs=1 / 30)


def test_a_grid_shows_cameras_side_by_side(tmp_path: Path) -> None:
    """Each camera has its cell, in the order asked for; one that ended earlier turns black."""
    cameras = ("gate", "porch", "yard", "barn")
    for camera in cameras:
        count = 30 if camera == "yard" else 150
        record(tmp_path, *(shown(n, camera) for n in range(count)))

    manifest = export(tmp_path, "a.mp4", cameras)

    found = decoded(tmp_path / "out" / "a.mp4")
    assert manifest.pictures == len(found) == 150
    assert [each.frames for each in manifest.cameras] == [150, 150, 30, 150]
    assert length_s(tmp_path / "out" / "a.mp4") == pytest.approx(10, abs=0.07)
    first, last = found[0][1], found[-1][1]
    assert first.shape == (240, 320, 3)
    for number, camera in enumerate(cameras):
        y, x = 60 + number // 2 * 120, 80 + number % 2 * 160
        assert first[y, x].tolist() == pytest.approx(COLOURS[camera], abs=12)
        shown_last = (0, 0, 0) if camera == "yard" else COLOURS[camera]
        assert last[y, x].tolist() == pytest.approx(shown_last, abs=12)


@pytest.mark.parametrize("hours", [7, 20])
def test_a_night_without_frames_is_shown_as_long_as_it_was(tmp_path: Path, hours: int) -> None:
    """The last picture stays, or a grid is black; what no file can say is an error."""
    later = START_NS + hours * 3600 * SECOND_NS
    for camera in ("porch", "barn"):
        record(tmp_path, *(shown(n, camera) for n in range(15)))
        again = [shown(n, camera, at=later + n * INTERVAL_NS) for n in range(15, 30)]
        record(tmp_path, *again)

    assert export(tmp_path, "a.mp4").pictures == 30
    assert export(tmp_path, "grid.mp4", ("porch", "barn")).pictures < 120
    for name in ("a.mp4", "grid.mp4"):
        assert length_s(tmp_path / "out" / name) == pytest.approx(hours * 3600 + 2, abs=0.1)


def test_a_day_without_frames_needs_a_decision(tmp_path: Path) -> None:
    record(tmp_path, shown(0), shown(1, at=START_NS + 30 * 3600 * SECOND_NS))
    with pytest.raises(ExportError, match="nothing is recorded from 2026-11-22T10:15:00"):
        export(tmp_path, "a.mp4")
    assert left(tmp_path) == []
    assert export(tmp_path, "a.mp4", fps=2.0).pictures == 2


def test_a_clock_is_burnt_in(tmp_path: Path) -> None:
    """Black and white dots in the upper left corner, the rest as it was."""
    record(tmp_path, *(shown(n, width=640, height=480) for n in range(3)))

    export(tmp_path, "a.mp4", clock=True)

    image = decoded(tmp_path / "out" / "a.mp4")[0][1]
    corner = image[:16, :300].mean(2)
    assert (corner > 200).any()
    assert (corner < 50).mean() > 0.3
    assert image[100:].mean((0, 1)).tolist() == pytest.approx(COLOURS["porch"], abs=6)


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_animations_show_each_picture(tmp_path: Path, name: str) -> None:
    """Pictures, duration and colours of GIF and WebP, as another program reads them."""
    images = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    record(tmp_path, *(shown(n, at=START_NS + n * SECOND_NS) for n in range(6)))
    record(tmp_path, *(shown(n, "barn", at=START_NS + n * SECOND_NS) for n in range(6)))

    export(tmp_path, name, ("porch", "barn"))

    with images.open(tmp_path / "out" / name) as image:
        assert image.n_frames in (1, 6)  # equal pictures may be joined
        assert image.size == (320, 120)
        shown_first = np.asarray(image.convert("RGB"))
    assert shown_first[60, 80].tolist() == pytest.approx(COLOURS["porch"], abs=20)
    assert shown_first[60, 240].tolist() == pytest.approx(COLOURS["barn"], abs=20)


def test_animations_keep_their_times(tmp_path: Path) -> None:
    """Different pictures a second apart stay a second apart in a GIF."""
    images = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    record(tmp_path, *(frame(n, captured=START_NS + n * SECOND_NS) for n in range(5)))

    export(tmp_path, "a.gif")

    with images.open(tmp_path / "out" / "a.gif") as image:
        durations = []
        for number in range(image.n_frames):
            image.seek(number)
            durations.append(image.info["duration"])
    assert durations == [1000] * 5


def test_the_manifest_says_what_is_missing_and_why(tmp_path: Path) -> None:
    """Checksum of the file, times, gaps with reasons, frames that cannot be read."""
    lost_frames = Gap(camera="porch", run=RUN, first=10, last=19, reason="ring-overrun")
    record(
        tmp_path, *(frame(n) for n in range(10)), lost_frames, *(frame(n) for n in range(20, 30))
    )
    for path in tmp_path.rglob("porch/*/*.mkv"):
        data = path.read_bytes()
        if picture(22) in data:
            at = data.index(picture(22))
            path.write_bytes(data[:at] + b"\0\0" + data[at + 2 :])
            damaged = path.relative_to(tmp_path).as_posix()

    manifest = export(tmp_path, "a.zip")

    data = json.loads((tmp_path / "out" / "a.zip.json").read_bytes())
    assert data["sha256"] == hashlib.sha256((tmp_path / "out" / "a.zip").read_bytes()).hexdigest()
    (camera,) = data["cameras"]
    assert (camera["camera"], camera["frames"]) == ("porch", 19)
    assert camera["start"] == "2026-11-22T10:15:00.123456Z"
    (gap,) = camera["gaps"]
    assert (gap["first"], gap["last"], gap["missing"], gap["reason"]) == (
        10,
        19,
        10,
        "ring-overrun",
    )
    (lost,) = camera["lost"]
    assert (lost["sequence"], lost["file"]) == (22, damaged)
    assert lost["reason"] == "its checksum is wrong"
    assert manifest.pictures == 19


def test_a_jpeg_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    """A camera that sent rubbish costs the picture, not the export."""
    rubbish = frame(
        1, jpeg=b"\xff\xd8 this is not a picture at all \xff\xd9", width=160, height=120
    )
    record(tmp_path, shown(0), rubbish, shown(2))

    manifest = export(tmp_path, "a.mp4")

    assert manifest.pictures == 2
    (lost,) = manifest.cameras[0].lost
    assert lost.sequence == 1
    assert "cannot be decoded" in lost.reason


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.zip", "a.gif", "a.webp"])
@pytest.mark.parametrize("step", [0, 1, 2, 10, 29])
def test_a_cancelled_export_leaves_nothing(tmp_path: Path, name: str, step: int) -> None:
    """Stopped at any picture, there is no file, not even a hidden one."""
    record(tmp_path, *(frame(n) for n in range(30)))
    asked = iter(range(1000))

    with pytest.raises(ExportCancelledError):
        export(tmp_path, name, cancelled=lambda: next(asked) >= step)

    assert left(tmp_path) == []


def test_an_existing_file_is_not_replaced_unasked(tmp_path: Path) -> None:
    record(tmp_path, frame(0))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.zip").write_bytes(b"mine")

    with pytest.raises(ExportError, match="exists already"):
        export(tmp_path, "a.zip")
    assert (tmp_path / "out" / "a.zip").read_bytes() == b"mine"

    export(tmp_path, "a.zip", replace=True)
    assert zipfile.is_zipfile(tmp_path / "out" / "a.zip")


def test_nothing_at_that_time_is_an_error(tmp_path: Path) -> None:
    """The message says when there is something."""
    record(tmp_path, frame(0), frame(100))

    with pytest.raises(ExportError, match="porch is recorded from 2026-11-22T10:15:00"):
        export(tmp_path, "a.mp4", start_ns=START_NS + SECOND_NS, end_ns=START_NS + 2 * SECOND_NS)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("a.mkv", {"clock": True}, "original JPEGs"),
        ("a.zip", {"width": 100}, "original JPEGs"),
        ("a.zip", {"fps": 5.0}, "no frames a second"),
        ("a.mp4", {"fps": 0.0}, "between 0 and 240"),
        ("a.mp4", {"fps": float("nan")}, "between 0 and 240"),
        ("a.mp4", {"width": 1}, "between 16 and 7680"),
        ("a.mp4", {"every_s": 0.0}, "above 0"),
        ("a.mp4", {"cameras": ()}, "no camera"),
        ("none/a.mp4", {}, "there is no folder"),
    ],
)
def test_what_does_not_fit_together_is_said_before_work_begins(
    tmp_path: Path, name: str, options: dict[str, object], words: str
) -> None:
    output = tmp_path / name
    given = {"cameras": ("porch",), "output": output, "format": format_of(output), **options}
    with pytest.raises(ExportError, match=words):
        check_request(ExportRequest(**given))  # type: ignore[arg-type]  # as above


def test_the_name_of_the_file_says_what_it_is() -> None:
    assert format_of(Path("x.MP4")) == "mp4"
    assert format_of(Path("x"), "zip") == "zip"
    with pytest.raises(ExportError, match=r"does not end in one of \.mp4"):
        format_of(Path("x.avi"))


def command(folder: Path, *arguments: str) -> list[str]:
    return [
        *(sys.executable, "-m", "camfan_nodes", "recordings", "export"),
        *("--path", str(folder), *arguments),
    ]


def test_the_command_exports_and_names_what_is_lost(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """0 when every frame is in the file, 1 and the names when some could not be read."""
    record(tmp_path, *(frame(n) for n in range(30)), *(frame(n, camera="barn") for n in range(3)))
    arguments = ["recordings", "export", "--path", str(tmp_path), "--camera", "p*"]
    whole, partial = tmp_path / "whole.zip", tmp_path / "partial.zip"

    assert main([*arguments, "--output", str(whole)]) == 0
    assert "30 pictures" in capfd.readouterr().out
    min(tmp_path.rglob("porch/*/*.mkv")).unlink()
    assert main([*arguments, "--output", str(partial), "--json"]) == 1

    said = capfd.readouterr()
    assert "the file is gone" in said.err
    listed = json.loads(said.out)
    assert listed["pictures"] == 30 - len(listed["cameras"][0]["lost"])


def test_without_pyav_a_zip_is_exported_and_a_video_says_what_to_install(tmp_path: Path) -> None:
    record(tmp_path, frame(0))
    program = "import sys; sys.modules['av'] = None; from camfan_nodes.cli import main; main()"
    for name, words in (("a.zip", "1 pictures"), ("a.mp4", "needs PyAV")):
        arguments = command(tmp_path, "--output", str(tmp_path / name))[3:]
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert words in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["a.mp4", "a.zip"])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    """Interrupted once it has begun to write; the exit code says that there is no file."""
    record(tmp_path, *(frame(n, jpeg=picture(0)) for n in range(20_000)))
    out = tmp_path / "out"
    out.mkdir()
    with subprocess.Popen(
        command(tmp_path, "--output", str(out / name)), stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and not list(out.iterdir()):
            pass
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "cancelled; nothing is left of it" in said
    assert left(tmp_path) == []


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """A file that cannot grow is an error with a reason."""
    record(tmp_path, *(frame(n) for n in range(100)))
    (tmp_path / "out").mkdir()
    for name in ("a.zip", "a.mkv", "a.mp4"):
        done = subprocess.run(
            command(tmp_path, "--output", str(tmp_path / "out" / name)),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout) == (69, "")
        assert f"cannot write {tmp_path / 'out' / name}: File too large" in done.stderr
        assert left(tmp_path) == []
