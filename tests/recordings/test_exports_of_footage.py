"""Exports of long recordings and of hostile ones, as players and browsers take them."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import zipfile
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg
from playwright.sync_api import sync_playwright

from camfan_nodes.cli import main
from camfan_nodes.recorder.storage import Storage
from camfan_testing.chromium import CHROMIUM, MISSING, launch
from camfan_testing.data import hostile_jpegs, shared
from camfan_testing.recordings import START_NS, frame
from camfan_wire.jpeg import MAX_BYTES

CAMERAS = ("porch", "barn", "gate", "yard")
FPS, SECONDS = 5, 600.0
WIDTH, HEIGHT = 160, 120


@cache
def scene(number: int) -> bytes:
    """A bar that moves over a soft background."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    image = np.stack([x, y, 255 - x], axis=2).astype(np.uint8)
    image[:, number * 4 % WIDTH :][:, :8] = 255
    return bytes(simplejpeg.encode_jpeg(image, quality=80))


def export(folder: Path, name: str, *arguments: str) -> dict[str, object]:
    output = folder / name
    command = ["recordings", "export", "--path", str(folder / "recordings"), *arguments]
    assert main([*command, "--output", str(output)]) == 0
    found: dict[str, object] = json.loads(output.with_name(f"{name}.json").read_bytes())
    return found


def probed(path: Path) -> dict[str, str]:
    """What ffprobe, or PyAV where there is none, says of a video."""
    if shutil.which("ffprobe") is None:
        with av.open(str(path)) as container:
            frames = sum(1 for _ in container.decode(video=0))
            stream = container.streams.video[0]
            assert stream.duration is not None
            assert stream.time_base is not None
            length = float(stream.duration * stream.time_base)
            return {"nb_read_frames": str(frames), "duration": str(length)}
    asked = "stream=nb_read_frames,duration,pix_fmt,codec_name"
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", asked, "-of", "json"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    streams: list[dict[str, str]] = json.loads(done.stdout)["streams"]
    return streams[0]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_ten_minutes_of_four_cameras(tmp_path: Path) -> None:
    """Single files, a grid, a zip and a time-lapse have the right duration and number of frames."""
    count = int(FPS * SECONDS)
    with Storage("archive", tmp_path / "recordings", 60.0, 5.0) as storage:
        for number in range(count):
            for phase, camera in enumerate(CAMERAS):
                at_ns = START_NS + number * 1_000_000_000 // FPS + phase * 30_000_000
                jpeg = scene(number % 40)
                storage.append(
                    frame(
                        number, camera=camera, captured=at_ns, jpeg=jpeg, width=WIDTH, height=HEIGHT
                    )
                )
            storage.tick()
    videos = []
    for camera in CAMERAS:
        export(tmp_path, f"{camera}.mp4", "--camera", camera)
        videos.append((tmp_path / f"{camera}.mp4", count, SECONDS, 1 / FPS))
    grid = export(tmp_path, "grid.mp4")
    videos.append((tmp_path / "grid.mp4", count, SECONDS, 1 / FPS))
    assert grid["pictures"] == count
    export(tmp_path, "lapse.mp4", "--camera", "porch", "--every", "10s", "--fps", "30")
    videos.append((tmp_path / "lapse.mp4", int(SECONDS / 10), SECONDS / 300, 1 / 30))
    for path, frames, seconds, one in videos:
        found = probed(path)
        assert int(found["nb_read_frames"]) == frames
        assert float(found["duration"]) == pytest.approx(seconds, abs=one)
    export(tmp_path, "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        assert len(names) == 4 * count
        assert archive.read(names[-1]) == scene((count - 1) % 40)


@pytest.mark.long
@pytest.mark.timeout(120)
def test_chromium_plays_an_export(tmp_path: Path) -> None:
    """A <video> knows the size and the duration, jumps to its middle, and shows the picture."""
    if CHROMIUM is None:
        pytest.skip(MISSING)
    with Storage("archive", tmp_path / "recordings", 60.0, 5.0) as storage:
        for number in range(100):
            at_ns = START_NS + number * 100_000_000
            storage.append(
                frame(number, captured=at_ns, jpeg=scene(number % 40), width=WIDTH, height=HEIGHT)
            )
    export(tmp_path, "a.mp4")
    source = base64.b64encode((tmp_path / "a.mp4").read_bytes()).decode()
    script = """async (source) => {
        const video = document.createElement('video');
        video.muted = true;
        video.src = 'data:video/mp4;base64,' + source;
        await new Promise((done, failed) => {
            video.onloadeddata = done;
            video.onerror = () => failed(video.error.message);
        });
        video.currentTime = video.duration / 2;
        await new Promise(done => { video.onseeked = done; });
        const canvas = document.createElement('canvas');
        canvas.width = video.videoWidth; canvas.height = video.videoHeight;
        const context = canvas.getContext('2d');
        context.drawImage(video, 0, 0);
        const pixel = context.getImageData(10, 100, 1, 1).data;
        return [video.videoWidth, video.videoHeight, video.duration, ...pixel];
    }"""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        if page.evaluate("document.createElement('video').canPlayType('video/mp4')") == "":
            pytest.skip("this Chromium was built without H.264")
        width, height, duration, red, green, blue, _ = page.evaluate(script, source)
        browser.close()
    assert (width, height) == (WIDTH, HEIGHT)
    assert duration == pytest.approx(10.0, abs=0.1)
    assert (red, green, blue) == pytest.approx((10, 100, 245), abs=25)


def test_hostile_jpegs_cost_themselves(tmp_path: Path) -> None:
    """JPEGs that broke real decoders end no export: each is in the file or named as lost."""
    found = [data for _, data in hostile_jpegs() if 4 <= len(data) <= MAX_BYTES][:400]
    with Storage("archive", tmp_path / "recordings", 60.0, 5.0) as storage:
        storage.append(frame(0))
        for number, data in enumerate(found, 1):
            storage.append(frame(number, jpeg=data))
    command = ["recordings", "export", "--path", str(tmp_path / "recordings")]
    assert main([*command, "--output", str(tmp_path / "a.zip")]) == 0
    assert main([*command, "--output", str(tmp_path / "a.mp4")]) in (0, 1)
    listed = json.loads((tmp_path / "a.mp4.json").read_bytes())
    (camera,) = listed["cameras"]
    assert camera["frames"] + len(camera["lost"]) == len(found) + 1


def test_footage_of_a_camera_is_exported_whole(tmp_path: Path) -> None:
    """Frames of a real video: as many pictures as frames, and close to what was recorded."""
    path = shared("video/one-by-one-person-detection.mp4")
    kept = []
    with av.open(str(path)) as container:
        for number, each in enumerate(container.decode(video=0)):
            if number == 60:
                break
            image = each.to_ndarray(format="rgb24")
            kept.append(bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=85)))
    height, width = simplejpeg.decode_jpeg(kept[0]).shape[:2]
    with Storage("archive", tmp_path / "recordings", 60.0, 5.0) as storage:
        for number, data in enumerate(kept):
            storage.append(frame(number, jpeg=data, width=width, height=height))

    export(tmp_path, "a.mp4")

    with av.open(str(tmp_path / "a.mp4")) as container:
        shown = [each.to_ndarray(format="rgb24") for each in container.decode(video=0)]
    assert len(shown) == len(kept)
    for data, image in zip(kept, shown, strict=True):
        before = simplejpeg.decode_jpeg(data)[: image.shape[0], : image.shape[1]]
        assert np.abs(before.astype(int) - image).mean() < 8
