"""Where tiles stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan_nodes.viewer.grid import Box, fit, letterbox


@pytest.mark.parametrize(
    ("count", "columns", "rows"),
    [(1, 1, 1), (2, 2, 1), (4, 2, 2), (9, 3, 3), (16, 4, 4), (25, 5, 5), (36, 6, 6)],
)
def test_the_grid_is_as_square_as_the_screen(count: int, columns: int, rows: int) -> None:
    """On a usual screen n² cameras stand in n columns."""
    grid = fit(count, 1920, 1000)

    assert (grid.columns, grid.rows) == (columns, rows)


@given(st.integers(1, 80), st.integers(200, 4000), st.integers(200, 3000))
def test_tiles_keep_inside_and_apart(count: int, width: int, height: int) -> None:
    """Every camera has a place of its own inside the window, in the order that was asked for."""
    boxes = fit(count, width, height).boxes

    assert len(boxes) == count
    for index, box in enumerate(boxes):
        assert box.left >= 0
        assert box.left + box.width <= width
        assert box.top + box.height <= height + 1
        for other in boxes[:index]:
            beside = other.left + other.width <= box.left or other.top + other.height <= box.top
            assert beside or box.top > other.top


def test_no_cameras_are_an_empty_grid() -> None:
    """Nothing to show is not an error."""
    assert fit(0, 1280, 800).boxes == ()


@given(st.integers(1, 8000), st.integers(1, 8000), st.integers(8, 4000), st.integers(8, 4000))
def test_a_picture_is_fitted_never_cropped(width: int, height: int, wide: int, high: int) -> None:
    """It touches two edges of its box, leaves none, and keeps its proportions."""
    box = Box(5, 7, wide, high)

    place = letterbox(width, height, box)

    assert place.left >= 5
    assert place.top >= 7
    assert place.width <= wide
    assert place.height <= high
    assert place.width == wide or place.height == high
    assert abs(place.width * height - place.height * width) <= max(width, height)
