"""How old a frame is, and when that is unknown."""

from __future__ import annotations

import pytest

from camfan import Frame
from camfan_testing.jpegs import jpeg
from camfan_wire.clock import ClockEstimate
from camfan_wire.header import Header

SECOND = 1_000_000_000
NOW = 50 * SECOND


def frame(
    captured: int,
    offset: int | None,
    error: int | None,
    *,
    epoch: int | None = None,
    reader_epoch: int = 0,
) -> Frame:
    """A frame on its way to a reader whose clock is exactly the site's, at 50 s."""
    clock = ClockEstimate(monotonic_ns=lambda: NOW)
    clock.add("b" * 16, reader_epoch, NOW, NOW, NOW, NOW)
    picture = jpeg(64, 48)
    header = Header(
        version=1, camera="a", run="0" * 16, sequence=0, captured=captured, offset=offset,
        error=error, width=64, height=48, size=len(picture), epoch=epoch,
    )  # fmt: skip
    return Frame(header, picture, clock)


def test_it_counts_both_clocks_and_both_errors() -> None:
    age = frame(40 * SECOND, 9 * SECOND, 2_000_000).age

    assert age is not None
    assert age.seconds == pytest.approx(1.0)
    assert 0.002 <= age.error < 0.003


@pytest.mark.parametrize("ahead", [1, 3600])
def test_a_picture_from_the_future_has_no_age(ahead: int) -> None:
    """A clock on the way was set, and not everybody has measured it again: that is not fresh."""
    assert frame(NOW + ahead * SECOND, 0, 1_000_000).age is None


def test_a_picture_that_is_hardly_older_than_the_error_has_one() -> None:
    """Also when the errors put it a little into the future."""
    age = frame(NOW + 2_000_000, 0, 3_000_000).age

    assert age is not None
    assert str(age) == "< 1 ms"


@pytest.mark.parametrize(("camera", "reader"), [(1, 0), (0, 1)])
def test_right_after_the_brokers_clock_was_set_no_age_is_known(camera: int, reader: int) -> None:
    """Whichever of the two has measured it again first: the age would be wrong by the step."""
    step = 2 * 3600 * SECOND
    for moved in (-step, step):
        late = frame(NOW - SECOND + moved, 0, 1_000_000, epoch=camera, reader_epoch=reader)
        assert late.age is None
        assert late.site_time is not None


def test_once_both_have_measured_again_it_is_known() -> None:
    age = frame(NOW - SECOND, 0, 1_000_000, epoch=3, reader_epoch=3).age
    assert age is not None
    assert age.seconds == pytest.approx(1.0)


def test_a_camera_that_says_nothing_of_epochs_has_an_age() -> None:
    assert frame(NOW - SECOND, 0, 1_000_000, reader_epoch=3).age is not None
