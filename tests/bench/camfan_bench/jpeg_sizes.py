"""How many bytes a pixel JPEGs take, of videos: what `camfan check` assumes.

    PYTHONPATH=tests/bench python -m camfan_bench.jpeg_sizes VIDEO...

Each video is decoded, some of its frames are resized, and encoded as camera nodes do (simplejpeg,
4:2:0). Prints a table in Markdown: bytes a pixel at quality 80 by size, and what other qualities
take in relation to it. The last lines compare all of it with the estimate.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from camfan_config import Size
from camfan_config.report.estimate import frame_bytes
from camfan_config.types import FileCamera

Image = NDArray[np.uint8]
SIZES = (Size(640, 480), Size(1280, 720), Size(1920, 1080))
QUALITIES = (30, 50, 60, 70, 80, 85, 90, 95)
FRAMES = 8


def frames(video: Path, count: int = FRAMES) -> Iterator[Image]:
    """Some frames of a video, spread over its first 400."""
    with av.open(str(video)) as container:
        step = max(1, min(400, container.streams.video[0].frames or 400) // count)
        decoded = itertools.islice(container.decode(video=0), 0, step * count, step)
        for frame in decoded:
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def jpeg_bytes(image: Image, quality: int) -> int:
    """The size of an image as a camera node encodes it."""
    return len(
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(image), quality=quality, colorspace="BGR", colorsubsampling="420"
        )
    )


def scaled(image: Image, size: Size) -> Image:
    """Only ever smaller: an enlarged picture is smoother than one of a camera."""
    area = (size.width, size.height)
    return np.asarray(cv2.resize(image, area, interpolation=cv2.INTER_AREA), np.uint8)


def measured(images: list[Image], size: Size | None, quality: int) -> float | None:
    """Bytes a pixel on average; None where the video is too small. None for `size`: its own."""
    if size is not None:
        if images[0].shape[0] < size.height or images[0].shape[1] < size.width:
            return None
        images = [scaled(image, size) for image in images]
    pixels = int(images[0].shape[0] * images[0].shape[1])
    return sum(jpeg_bytes(image, quality) for image in images) / len(images) / pixels


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO")
    scenes = {path.name: list(frames(path)) for path in parser.parse_args().videos}
    write = sys.stdout.write
    write("| scene | own size | own | " + " | ".join(map(str, SIZES)) + " |\n")
    write("|---|---|---|" + "---|" * len(SIZES) + "\n")
    relative: dict[int, list[float]] = {quality: [] for quality in QUALITIES}
    for name, images in scenes.items():
        if not images:
            continue
        own = measured(images, None, 80)
        assert own is not None
        cells = [measured(images, size, 80) for size in SIZES]
        shown = " | ".join("" if cell is None else f"{cell:.3f}" for cell in cells)
        height, width = images[0].shape[:2]
        write(f"| {name} | {width}x{height} | {own:.3f} | {shown} |\n")
        for quality in QUALITIES:
            found = measured(images, None, quality)
            assert found is not None
            relative[quality].append(found / own)
    write("\n| quality | median | least | most | estimate |\n|---|---|---|---|---|\n")
    whole = frame_bytes(FileCamera(path="v", size=Size(640, 480)))
    for quality, factors in relative.items():
        said = frame_bytes(FileCamera(path="v", size=Size(640, 480), quality=quality)) / whole
        middle = statistics.median(factors)
        write(
            f"| {quality} | {middle:.2f} | {min(factors):.2f} | {max(factors):.2f} | {said:.2f} |\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
