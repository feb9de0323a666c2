"""Arrays of pixels are published as they are, from any memory layout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import simplejpeg

from camfan import ClosedError, Frame, Publisher, Subscriber
from camfan.encoding import encode_image
from camfan_testing.live import LiveBroker, wait_until
from camfan_testing.peer import Peer
from camfan_wire import messages

READ_S = 20.0


def scene(height: int = 120, width: int = 161) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Blue grows to the right, green downwards, red is the same everywhere."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 0] = np.linspace(0, 255, width, dtype=np.uint8)
    image[:, :, 1] = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    image[:, :, 2] = 200
    return image


@pytest.fixture
def camera(live: LiveBroker) -> Iterator[Publisher]:
    with Publisher(live.site, "one") as made:
        wait_until(lambda: made.connected)
        yield made


def published(live: LiveBroker, camera: Publisher, image: Any, **options: Any) -> Frame:
    """The frame that a subscriber gets."""
    with Subscriber(live.site, "one") as frames:
        wait_until(lambda: camera.publish_image(image, **options))
        while (frame := frames.read(READ_S)).sequence != camera.sequence - 1:
            pass  # the last one of an earlier call
        return frame


BASE = scene()
LAYOUTS = {
    "as it is": BASE,
    "cut out": scene(300, 400)[50:170, 30:191],
    "every second pixel": scene(240, 322)[::2, ::2],
    "mirrored": BASE[:, ::-1],
    "upside down": BASE[::-1],
    "turned": np.rot90(scene(161, 120)),
    "in Fortran's order": np.asfortranarray(BASE),
    "read-only": np.frombuffer(BASE.tobytes(), np.uint8).reshape(BASE.shape),
    "from planes": scene().transpose(2, 0, 1).copy().transpose(1, 2, 0),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_colours_arrive_where_they_were(live: LiveBroker, camera: Publisher, name: str) -> None:
    image = LAYOUTS[name]
    frame = published(live, camera, image, quality=100)
    difference = np.abs(frame.image().astype(int) - image.astype(int))

    assert (frame.width, frame.height) == (161, 120)
    assert difference.mean() < 3


def test_grey_is_encoded_as_grey(live: LiveBroker, camera: Publisher) -> None:
    """One component, a third of the work, and the same grey."""
    image = scene()[:, :, 0]
    frame = published(live, camera, image, quality=100)

    assert simplejpeg.decode_jpeg_header(bytes(frame.jpeg))[2] == "Gray"
    assert np.abs(frame.gray().astype(int) - image.astype(int)).max() <= 4


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1), (3, 3, 3), (3, 3), (1, 300, 3)])
def test_small_pictures_are_pictures(
    live: LiveBroker, camera: Publisher, shape: tuple[int, ...]
) -> None:
    frame = published(live, camera, np.full(shape, 128, np.uint8))

    assert frame.image().shape[:2] == shape[:2]


def test_quality_is_that_of_the_call_else_of_the_publisher_else_80(live: LiveBroker) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (120, 160, 3), np.uint8)
    with Publisher(live.site, "one") as plain, Publisher(live.site, "two", quality=30) as low:
        wait_until(lambda: plain.connected and low.connected)
        assert bytes(published(live, plain, noise).jpeg) == encode_image(noise, 80)
        assert bytes(published(live, plain, noise, quality=55).jpeg) == encode_image(noise, 55)
        with Subscriber(live.site, "two") as frames:
            wait_until(lambda: low.publish_image(noise))
            assert bytes(frames.read(READ_S).jpeg) == encode_image(noise, 30)


def test_the_time_is_that_of_the_picture(live: LiveBroker, camera: Publisher) -> None:
    assert published(live, camera, scene(), captured_ns=1_700_000_000_000_000_001).captured == (
        1_700_000_000_000_000_001
    )


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        ([[1, 2], [3, 4]], TypeError, "a numpy array, not list"),
        (b"\xff\xd8", TypeError, "a numpy array, not bytes"),
        (None, TypeError, "a numpy array, not NoneType"),
        (np.zeros((4, 4, 3)), TypeError, "dtype uint8, values 0 to 255, not float64"),
        (np.zeros((4, 4), np.uint16), TypeError, "not uint16"),
        (np.zeros((4, 4), bool), TypeError, "not bool"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, r"drop alpha with image\[:, :, :3\]"),
        (np.zeros((4, 4, 1), np.uint8), ValueError, r"not \(4, 4, 1\)"),
        (np.zeros((3, 4, 4), np.uint8), ValueError, r"not \(3, 4, 4\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), ValueError, r"not \(2, 4, 4, 3\)"),
        (np.zeros(12, np.uint8), ValueError, r"not \(12,\)"),
        (np.uint8(5), TypeError, "a numpy array, not uint8"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, "this one is 4x0"),
        (np.zeros((1, 65_536), np.uint8), ValueError, "this one is 65536x1"),
        (np.zeros((12_000, 12_000), np.uint8), ValueError, "120000000 in all"),
    ],
)
def test_what_is_not_a_picture_is_refused_and_not_numbered(
    camera: Publisher, image: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        camera.publish_image(image)

    assert camera.counts.captured == 0


@pytest.mark.parametrize(
    ("quality", "error"), [(0, ValueError), (101, ValueError), (80.0, TypeError), (True, TypeError)]
)
def test_a_quality_is_a_quality(camera: Publisher, quality: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="quality is"):
        camera.publish_image(scene(), quality=quality)


def test_what_is_not_wanted_is_numbered_and_not_encoded() -> None:
    with Peer() as peer, Publisher(peer.delivery, "porch", ingest=peer.ingest) as camera:
        peer.serve_until(lambda: peer.hello)
        peer.serve_until(lambda: camera.publish_image(scene()))
        peer.say(messages.Demand(camera="porch", layers=0, trickle=None))
        peer.serve_until(camera.idle)
        before = camera.counts
        sent = [camera.publish_image(scene()) for _ in range(20)]

        assert not any(sent)
        assert camera.counts.unwanted - before.unwanted == 20
        assert (camera.counts.unsent, camera.counts.sent) == (before.unsent, before.sent)


def test_a_closed_publisher_says_so(live: LiveBroker) -> None:
    camera = Publisher(live.site, "one")
    camera.close()

    with pytest.raises(ClosedError):
        camera.publish_image(scene())
