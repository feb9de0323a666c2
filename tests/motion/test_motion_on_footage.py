"""The motion detector with its default settings, on labelled footage."""

from __future__ import annotations

from functools import cache

import pytest

from camfan_testing.data import shared
from camfan_testing.motion_labels import (
    Labels,
    even_times,
    intervals,
    score,
    times_of,
    watch_clip,
    zipped_pictures,
)
from camfan_testing.motion_scenes import ended, watch

# Clip: the labelled intervals that must be found, of all there are.
CLIPS = {
    "vtest.avi": 1,
    "one-by-one-person-detection.mp4": 6,
    "car-detection.mp4": 3,
    "walking-by.h264": 2,
    "lightout-after-movement.h264": 1,
    "psu_walk.avi": 1,
    "psu_getin.avi": 2,
    "psu_movecam.avi": 1,
    "tree.avi": 1,
    "traffic_camera.mp4": 5,  # of 8: at 5 fps a car is in the region for one frame or two
}
SENT = ("car-detection.mp4", "walking-by.h264", "lightout-after-movement.h264", "psu_walk.avi")
LIGHTS = ("alternating-light.h264", "dark-light.h264")


watched = cache(watch_clip)


def labels_of(clip: str) -> Labels:
    return Labels.load(shared(f"video/{clip}.labels.json"))


@pytest.mark.parametrize("clip", CLIPS)
def test_what_moves_is_found_and_nothing_else(clip: str) -> None:
    """Every labelled motion has an event over it, and no event lies where nothing moved."""
    assert_found(clip, jpeg=False)


@pytest.mark.parametrize("clip", SENT)
def test_the_same_is_found_in_jpegs(clip: str) -> None:
    """Motion is found alike in what a camera has encoded and a node has decoded small."""
    assert_found(clip, jpeg=True)


def assert_found(clip: str, *, jpeg: bool) -> None:
    path, labels = shared(f"video/{clip}"), labels_of(clip)

    events = watched(path, jpeg=jpeg, region=labels)

    result = score(intervals(events), labels, times_of(path))
    assert result.found >= CLIPS[clip], str(result)
    assert result.false == 0, str(result)


@pytest.mark.parametrize("jpeg", [False, True], ids=["decoded", "jpeg"])
@pytest.mark.parametrize("clip", LIGHTS)
def test_a_light_that_is_switched_is_lighting_and_no_motion(clip: str, jpeg: bool) -> None:
    """A lamp that goes on and off before a camera, again and again, is one event of its own."""
    events = watched(shared(f"video/{clip}"), jpeg=jpeg)

    assert [event.kind for event in events] == ["lighting"]


def test_people_one_after_another_are_events_of_their_own() -> None:
    """Where nothing moved for as long as an event takes to end, another one begins."""
    clip = "one-by-one-person-detection.mp4"
    labels = labels_of(clip)
    people = labels.motion_s(even_times(10))

    events = watched(shared(f"video/{clip}"), jpeg=False, region=labels)

    firsts = [
        next(i for i, (first, last) in enumerate(intervals(events)) if first <= b and a <= last)
        for a, b in people[1:]  # the second comes while the shadow of the first still goes
    ]
    assert len(set(firsts)) == len(firsts)


def test_a_turned_camera_is_reported() -> None:
    """A camera that is panned is an event of its own, at about the time of the pan."""
    events = watched(shared("video/psu_movecam.avi"))

    ((first_s, last_s),) = intervals(events, "camera-moved")
    assert first_s < 168 / 15
    assert last_s > 156 / 15


@pytest.mark.parametrize("fps", [5.0, 15.0], ids=["as 5 fps", "as 15 fps"])
def test_a_tree_in_the_wind_is_background(fps: float) -> None:
    """Waving leaves are not motion; the man stepping in front of them is."""
    labels = Labels.load(shared("video/wallflower_wavingtrees/labels.json"))
    pictures = zipped_pictures(shared("video/wallflower_wavingtrees/frames_png.zip"), fps)

    events = watch(pictures)

    result = score(intervals(ended(events)), labels, even_times(fps))
    assert (result.found, result.false) == (1, 0), str(result)
