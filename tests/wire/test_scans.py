"""A picture of more scans than any encoder writes is refused before anything decodes it."""

from __future__ import annotations

import contextlib

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from camfan_testing.jpegs import jpeg, scan_bomb
from camfan_wire.errors import WireError
from camfan_wire.scans import MAX_SCANS, check_scans, find_scan
from camfan_wire.upright import SizeCache, upright_size


def progressive(width: int = 160, height: int = 120) -> bytes:
    """As libjpeg writes it by default: ten scans."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    done, data = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    assert done
    return data.tobytes()


def test_a_progressive_picture_is_a_frame() -> None:
    picture = progressive()
    assert picture.count(b"\xff\xda") == 10
    assert upright_size(picture) == (160, 120)
    assert not find_scan(picture).is_only


def test_the_only_scan_of_a_baseline_picture_is_known() -> None:
    picture = jpeg(64, 48, 0)
    scan = find_scan(picture)
    assert scan.is_only
    assert picture[: scan.end].count(b"\xff\xda") == 1
    check_scans(picture, 64 * 48)


def test_thousands_of_scans_are_refused() -> None:
    """Decoders accept it, and would be busy for as long as the sender likes."""
    small = scan_bomb(64, 48, scans=MAX_SCANS + 1)
    assert simplejpeg.decode_jpeg(small, strict=False).shape == (48, 64, 3)
    with pytest.raises(WireError, match="too long to decode") as caught:
        upright_size(small)
    assert caught.value.reason == "too-many-scans"
    assert upright_size(scan_bomb(64, 48, scans=MAX_SCANS)) == (64, 48)


def test_what_a_scan_costs_depends_on_the_size() -> None:
    with pytest.raises(WireError, match="too long to decode"):
        check_scans(progressive(), 10**9)


def test_a_camera_that_was_good_before_is_looked_at_again() -> None:
    """The bytes before the size may be the same: what follows them decides."""
    sizes, good, bad = SizeCache(), progressive(64, 48), scan_bomb(64, 48, scans=1000)
    assert sizes.upright_size(good) == (64, 48)
    with pytest.raises(WireError):
        sizes.upright_size(bad)
    with pytest.raises(WireError):
        sizes.upright_size(bad)
    assert sizes.upright_size(memoryview(good)) == (64, 48)


def test_several_scans_of_a_sequential_picture_count_too() -> None:
    """Not only progressive pictures can have them: a component may come in each."""
    picture = bytearray(jpeg(64, 48, 0))
    at = picture.index(b"\xff\xda")
    picture[at + 4] = 1  # of three components
    with pytest.raises(WireError):
        check_scans(bytes(picture[:-2]) + b"\xff\xda" * MAX_SCANS + b"\xff\xd9", 64 * 48)


@given(st.binary(max_size=200), st.integers(0, 600))
def test_any_bytes_are_checked_or_refused(junk: bytes, at: int) -> None:
    picture = jpeg(64, 48, 0)
    with contextlib.suppress(WireError):
        check_scans(picture[:at] + junk + picture[at:], 64 * 48)
