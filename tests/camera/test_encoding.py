"""From pixels to the published JPEG: turned, mirrored, painted; untouched where possible."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import simplejpeg

from camfan_config.types import FileCamera, HttpCamera, ImagesCamera, Size
from camfan_nodes.camera.encode import Encoder, JpegDecodeError, decode_jpeg, encoder_of
from camfan_nodes.camera.privacy import Paint, touched
from camfan_nodes.camera.source import CapturedFrame, Planes
from camfan_testing.cameras import Content, scene
from camfan_testing.data import hostile_jpegs
from camfan_testing.jpegs import jpeg
from camfan_wire.errors import WireError

Image = npt.NDArray[np.uint8]


def _corner_planes(width: int, height: int) -> Planes:
    """A black picture with a white top left quarter."""
    y = np.zeros((height, width), np.uint8)
    y[: height // 2, : width // 2] = 255
    grey = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    return Planes(y, grey, grey.copy())


def _corner_bgr(width: int, height: int) -> Image:
    return np.repeat(_corner_planes(width, height).y[:, :, None], 3, axis=2)


def _decoded(data: bytes) -> Image:
    grey: Image = simplejpeg.decode_jpeg(data, colorspace="GRAY")[:, :, 0]
    return grey


def _white_corner(image: Image) -> str:
    """Which quarter of a picture is white."""
    high, wide = image.shape[0] // 2, image.shape[1] // 2
    quarters = {
        "top left": image[:high, :wide],
        "top right": image[:high, wide:],
        "bottom left": image[high:, :wide],
        "bottom right": image[high:, wide:],
    }
    return max(quarters, key=lambda name: float(quarters[name].mean()))


TURNS = [
    (0, "none", "top left"),
    (90, "none", "top right"),
    (180, "none", "bottom right"),
    (270, "none", "bottom left"),
    (0, "horizontal", "top right"),
    (0, "vertical", "bottom left"),
    (90, "horizontal", "top left"),
    (180, "vertical", "top right"),
]


@pytest.mark.parametrize("kind", ["planes", "bgr", "jpeg"])
@pytest.mark.parametrize(("rotate", "flip", "corner"), TURNS)
def test_turning(kind: str, rotate: int, flip: str, corner: str) -> None:
    """`rotate` turns clockwise, `flip` mirrors what was turned, whatever the pixels are."""
    contents: dict[str, Content] = {
        "planes": _corner_planes(64, 48),
        "bgr": _corner_bgr(64, 48),
        "jpeg": Encoder(quality=95).encode(CapturedFrame(_corner_planes(64, 48), 0)),
    }

    image = _decoded(Encoder(rotate=rotate, flip=flip).encode(CapturedFrame(contents[kind], 0)))

    assert image.shape == ((64, 48) if rotate % 180 else (48, 64))
    assert _white_corner(image) == corner


@pytest.mark.parametrize("size", [(320, 243), (361, 244), (5, 7)])
@pytest.mark.parametrize("rotate", [0, 90])
def test_odd_sizes(size: tuple[int, int], rotate: int) -> None:
    """Sizes that chroma cannot halve keep every line and column."""
    data = Encoder(rotate=rotate).encode(CapturedFrame(_corner_planes(*size), 0))

    height, width, *_ = simplejpeg.decode_jpeg_header(data)
    assert (width, height) == (size if not rotate else size[::-1])


def test_pictures_are_encoded_at_half_chroma_in_the_wanted_quality() -> None:
    """4:2:0 always; a lower quality makes fewer bytes."""
    picture = CapturedFrame(np.random.default_rng(1).integers(0, 255, (96, 96, 3), np.uint8), 0)

    good, poor = Encoder(quality=90).encode(picture), Encoder(quality=20).encode(picture)

    assert simplejpeg.decode_jpeg_header(good)[3] == "420"
    assert len(poor) < len(good) / 2


def test_a_jpeg_that_needs_nothing_goes_through_untouched() -> None:
    """The very same bytes object, so that nothing can have happened to it."""
    data = jpeg()

    assert Encoder(quality=10).encode(CapturedFrame(data, 0)) is data


def test_a_jpeg_is_resized_only_when_asked() -> None:
    """`size` of a snapshot camera is that of the published picture."""
    encoder = Encoder(size=Size(32, 24))

    assert _decoded(encoder.encode(CapturedFrame(jpeg(64, 48), 0))).shape == (24, 32)
    assert encoder.encode(CapturedFrame(jpeg(32, 24), 0)) is jpeg(32, 24)


@pytest.mark.parametrize("kind", ["planes", "bgr", "jpeg"])
def test_privacy_is_painted_on_what_is_published(kind: str) -> None:
    """A privacy polygon is black in the published, turned picture, and nothing else is."""
    white = Planes(
        np.full((48, 64), 255, np.uint8),
        np.full((24, 32), 90, np.uint8),
        np.full((24, 32), 200, np.uint8),
    )
    contents: dict[str, Content] = {
        "planes": white,
        "bgr": np.full((48, 64, 3), 255, np.uint8),
        "jpeg": Encoder().encode(CapturedFrame(white, 0)),
    }
    encoder = Encoder(rotate=90, paint=Paint([[(0, 0), (0.5, 0), (0.5, 0.25), (0, 0.25)]]))

    image = simplejpeg.decode_jpeg(
        encoder.encode(CapturedFrame(contents[kind], 0)), colorspace="BGR"
    )

    assert image.shape[:2] == (64, 48)
    assert image[:16, :24].max() < 12  # black, and without the colour that was there
    assert image[24:, :].mean() > 100
    assert image[:, 32:].mean() > 100


def test_a_picture_that_is_not_ours_to_paint_on_is_copied() -> None:
    """Read-only pixels, such as a mapped buffer, are painted on a copy."""
    image = np.full((8, 8, 3), 255, np.uint8)
    image.flags.writeable = False

    data = Encoder(paint=Paint([[(0, 0), (1, 0), (1, 1), (0, 1)]])).encode(CapturedFrame(image, 0))

    assert _decoded(data).max() < 12
    assert image.min() == 255


def test_a_polygon_covers_every_pixel_it_touches() -> None:
    """The mask is never smaller than the polygon, and hardly larger."""
    mask = touched([(0.1, 0.1), (0.9, 0.1), (0.5, 0.9)], 100, 100)

    assert mask[10, 10]
    assert mask[10, 89]
    assert mask[88, 50]
    assert not mask[50, 10]
    assert not mask[5].any()
    assert 3000 < mask.sum() < 3600


def test_the_encoder_of_a_camera() -> None:
    """A camera's encoder does what its section says, and only what its source can have."""
    encoder = encoder_of(FileCamera(path="x", quality=33, rotate=90, size=Size(10, 10)))

    assert (encoder.quality, encoder.rotate, encoder.flip) == (33, 90, "none")
    assert encoder.size == Size(10, 10)
    assert encoder_of(HttpCamera(url="http://x/", size=Size(10, 10))).size == Size(10, 10)
    assert encoder_of(ImagesCamera(path="x")).passes(jpeg())


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", WireError),
        (b"no jpeg", WireError),
        (jpeg()[:-2], WireError),
        (jpeg()[:50] + b"\xff\xd9", (WireError, JpegDecodeError)),
    ],
)
def test_a_bad_jpeg_is_refused_not_fatal(
    data: bytes, error: type[Exception] | tuple[type[Exception], ...]
) -> None:
    """What cannot be decoded is one refused picture."""
    with pytest.raises(error):
        Encoder(rotate=90).encode(CapturedFrame(data, 0))


def test_hostile_jpegs_are_decoded_or_refused() -> None:
    """Whatever a camera sends, it is a picture or an error that the node expects."""
    decoded = refused = 0
    for _, data in hostile_jpegs():
        try:
            image = decode_jpeg(data)
        except (WireError, JpegDecodeError):
            refused += 1
        else:
            decoded += 1
            assert image.ndim == 3
    assert decoded
    assert refused


def test_a_scene_comes_out_as_it_went_in() -> None:
    """BGR in is BGR out: no colours swapped."""
    image = scene(3)
    image[:] = (200, 40, 90)

    back = simplejpeg.decode_jpeg(
        Encoder(quality=95).encode(CapturedFrame(image, 0)), colorspace="BGR"
    )

    assert np.abs(back.astype(int).mean(axis=(0, 1)) - (200, 40, 90)).max() < 4
