"""What the motion detector says of scenes made up for it, with its default settings."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from camfan_config.types import Motion
from camfan_nodes.motion.event_steps import EventStep
from camfan_testing.motion_scenes import (
    Scene,
    ended,
    film,
    flat,
    seconds,
    textured,
    watch,
    with_box,
)

ROOM = textured()
OTHER = textured(seed=9)
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
RIGHT_HALF = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))


def crossing(
    room: Scene = ROOM, *, from_s: float = 6, speed: float = 40
) -> Callable[[float], Scene]:
    """A bright square that crosses the picture from the left, at `speed` pixels a second."""

    def at(at_s: float) -> Scene:
        return with_box(room, (at_s - from_s) * speed, 70) if at_s >= from_s else room

    return at


def kinds(changes: list[EventStep]) -> list[str]:
    return [change.kind for change in changes if change.state == "end"]


@pytest.mark.parametrize("room", [ROOM, flat()], ids=["textured", "flat"])
@pytest.mark.parametrize("noise", [0.0, 2.5, 5.0, 12.0])
def test_noise_is_nothing(room: Scene, noise: float) -> None:
    """A still scene causes no event in minutes, however noisy the sensor."""
    assert watch(film(lambda _: room, 120, noise=noise)) == []


def test_noise_that_grows_is_nothing() -> None:
    """Night falls and the sensor turns up its gain: no event."""
    generator = np.random.default_rng(3)

    def room(at_s: float) -> Scene:
        hiss = generator.normal(0, min(at_s, 60) / 8, ROOM.shape)
        return np.asarray(ROOM + hiss, np.float32)

    assert watch(film(room, 90)) == []


@pytest.mark.parametrize("fps", [1, 2, 5, 10, 30])
@pytest.mark.parametrize("room", [ROOM, flat()], ids=["textured", "flat"])
def test_a_box_that_crosses_is_one_event(room: Scene, fps: float) -> None:
    """Something that moves is found where and when it was, at whatever rate frames come."""
    (event,) = ended(watch(film(crossing(room), 20, fps=fps)))

    assert seconds(event.start_ns) == pytest.approx(6, abs=1.01 if fps == 1 else 0.5)
    assert seconds(event.last_ns) == pytest.approx(14, abs=1.01 if fps == 1 else 0.5)
    assert event.area == pytest.approx(30 * 30 / (320 * 180), rel=0.4)
    assert event.score > 0.9
    ((x, y, width, height),) = event.boxes
    assert x * 320 == pytest.approx((seconds(event.peak_ns) - 6) * 40, abs=5)
    assert (y * 180, width * 320, height * 180) == pytest.approx((70, 30, 30), abs=6)


def test_an_event_is_reported_while_it_lasts() -> None:
    """It starts within a second, is updated about every second, and ends after the quiet."""
    changes = watch(film(crossing(), 25))

    states = [change.state for change in changes]
    assert (states[0], states[-1]) == ("start", "end")
    assert set(states[1:-1]) == {"update"}
    assert len(states) == pytest.approx(9, abs=1)
    assert seconds(changes[0].time_ns) < 7
    assert seconds(changes[-1].time_ns) == pytest.approx(14 + Motion().end_after, abs=1)
    assert {change.number for change in changes} == {1}
    assert changes[-1].peak_ns >= changes[-1].start_ns


@pytest.mark.parametrize("side", [100, 180], ids=["half as high", "as high as the picture"])
def test_something_large_and_near_is_motion(side: int) -> None:
    """What fills half of the picture is not taken for a change of light."""
    lorry = textured(seed=5)

    def at(at_s: float) -> Scene:
        shown = ROOM.copy()
        left = round((at_s - 6) * 60 - side)
        first, last = max(0, left), min(320, left + side)
        if first < last:
            shown[:side, first:last] = lorry[:side, first - left : last - left]
        return shown

    events = ended(watch(film(at, 25)))

    assert seconds(events[0].start_ns) == pytest.approx(6.2, abs=0.5)
    assert seconds(events[-1].last_ns) > 11


@pytest.mark.parametrize(
    ("before", "after"), [(1.0, 0.4), (0.4, 1.0), (1.0, 1.6), (0.1, 1.0), (1.0, 0.1)]
)
def test_a_light_switch_is_lighting(before: float, after: float) -> None:
    """A scene that is brighter or darker from one frame to the next is lighting, not motion."""
    changes = watch(film(lambda s: ROOM * np.float32(before if s < 10 else after), 30))

    assert kinds(changes) == ["lighting"]
    assert seconds(changes[0].start_ns) == pytest.approx(10, abs=0.3)


def test_a_lamp_that_goes_on_and_off_is_one_event() -> None:
    """From its first change to its last; another one later is another event."""

    def room(at_s: float) -> Scene:
        blinks = 10 <= at_s < 22 and at_s % 4 < 2
        return ROOM * np.float32(0.4 if blinks or 30 <= at_s < 50 else 1)

    changes = watch(film(room, 40))

    assert kinds(changes) == ["lighting", "lighting"]
    first, second = ended(changes, "lighting")
    assert seconds(first.start_ns) == pytest.approx(12, abs=0.3)
    assert seconds(first.last_ns) == pytest.approx(22, abs=0.5)
    assert seconds(second.start_ns) == pytest.approx(30, abs=0.3)


@pytest.mark.parametrize("lasts_s", [1.0, 3.0])
def test_an_exposure_that_adjusts_is_lighting(lasts_s: float) -> None:
    """A camera that adjusts its exposure within seconds is lighting, not motion."""

    def room(at_s: float) -> Scene:
        return ROOM * np.float32(1 - 0.6 * min(max(at_s - 10, 0) / lasts_s, 1))

    assert kinds(watch(film(room, 30))) == ["lighting"]


def test_dawn_is_nothing() -> None:
    """A scene that grows twice as bright in half a minute causes no event."""
    assert watch(film(lambda s: ROOM * np.float32(0.6 + 0.6 * min(s / 30, 1)), 40)) == []


def test_a_camera_that_turns_to_infrared_is_not_motion() -> None:
    """Other contrasts and another brightness from one frame to the next are not motion."""
    night = 40 + 0.5 * (255 - ROOM) + 0.3 * OTHER

    assert "motion" not in kinds(watch(film(lambda s: ROOM if s < 10 else night, 30)))


@pytest.mark.parametrize(
    "after", [ROOM * 1.6, ROOM + 60, ROOM * 0, OTHER], ids=["brighter", "raised", "black", "other"]
)
def test_half_of_the_picture_that_changes_at_once_is_not_motion(after: Scene) -> None:
    """What changes in one frame and then stands still did not move."""
    half = np.asarray(np.where(np.arange(320)[None] > 160, after, ROOM), np.float32)

    assert "motion" not in kinds(watch(film(lambda s: ROOM if s < 10 else half, 30)))


def test_a_person_walking_as_the_light_goes_out_is_seen() -> None:
    """Light and motion at once are both reported."""

    def at(at_s: float) -> Scene:
        return crossing(ROOM * np.float32(1 if at_s < 10 else 0.5))(at_s)

    events = watch(film(at, 25))

    (motion,) = ended(events)
    assert seconds(motion.last_ns) == pytest.approx(14, abs=0.5)
    assert len(ended(events, "lighting")) == 1


def test_what_stops_is_absorbed() -> None:
    """The event ends soon after a thing has stopped; and when it goes, that is motion again."""

    def at(at_s: float) -> Scene:
        moved_s = min(at_s - 6, 4) + max(at_s - 70, 0)
        return with_box(ROOM, moved_s * 40, 70) if at_s >= 6 else ROOM

    coming, going = ended(watch(film(at, 90)))

    assert seconds(coming.last_ns) == pytest.approx(10, abs=1)
    assert seconds(going.start_ns) == pytest.approx(70, abs=0.6)


def test_what_was_there_at_first_and_leaves_is_motion() -> None:
    """The hole that it leaves is not a second event."""
    assert kinds(watch(film(lambda s: with_box(ROOM, 100 + max(0, s - 8) * 40, 70), 40))) == [
        "motion"
    ]


def test_a_first_picture_with_motion_in_it_does_no_harm() -> None:
    """A person walking while the detector learns is seen once it has, and leaves no trace."""
    (event,) = ended(watch(film(crossing(from_s=0), 30)))

    assert seconds(event.start_ns) < 3
    assert seconds(event.last_ns) == pytest.approx(8, abs=0.5)


@pytest.mark.parametrize("room", [ROOM, flat()], ids=["textured", "flat"])
def test_a_clock_in_the_picture_is_nothing(room: Scene) -> None:
    """Digits that a camera writes into its picture every second are too small for motion."""

    def at(at_s: float) -> Scene:
        shown = np.clip(room, 0, 255).astype(np.uint8)
        text = f"2026-11-22 12:{int(at_s) // 60:02d}:{int(at_s) % 60:02d}"
        cv2.putText(shown, text, (5, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255, 1)
        return shown.astype(np.float32)

    assert watch(film(at, 130)) == []


def test_a_tree_in_the_wind_is_nothing() -> None:
    """A sixth of the picture that sways for a minute causes no event."""

    def at(at_s: float) -> Scene:
        sway = np.sin(2 * np.pi * 0.7 * at_s) * 4 + np.sin(2 * np.pi * 1.3 * at_s + 1) * 3
        shown = ROOM.copy()
        shown[:90, :120] = np.roll(ROOM, round(float(sway)), 1)[:90, :120]
        return shown

    assert watch(film(at, 60)) == []


def test_only_zones_count() -> None:
    """With a zone, motion begins when it comes into the zone, and the event names it."""
    (event,) = ended(watch(film(crossing(), 20), zones={"drive": RIGHT_HALF}))

    assert seconds(event.start_ns) == pytest.approx(9.5, abs=0.6)
    assert event.zones == ("drive",)
    assert watch(film(crossing(), 9), zones={"drive": RIGHT_HALF}) == []


def test_every_zone_that_is_touched_is_named() -> None:
    """In the order in which they were entered."""
    zones = {"right": RIGHT_HALF, "left": LEFT_HALF, "corner": ((0.9, 0), (1, 0), (1, 0.1))}

    (event,) = ended(watch(film(crossing(), 20), zones=zones))

    assert event.zones == ("left", "right")


def test_masks_are_never_looked_at() -> None:
    """Neither motion nor light within a mask is anything."""

    def at(at_s: float) -> Scene:
        shown = crossing()(at_s).copy()
        shown[:, :160] = 255 if int(at_s) % 2 else 0
        return shown

    (event,) = ended(watch(film(at, 20), masks={"screen": LEFT_HALF}))

    assert seconds(event.start_ns) == pytest.approx(9.5, abs=0.6)
    everywhere = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert watch(film(crossing(), 15), masks={"all": everywhere}) == []


def test_what_is_smaller_than_min_area_is_nothing() -> None:
    """The same box is motion or not as `min_area` says."""
    pictures = list(film(crossing(), 20))  # the box is 1.6 % of the picture

    assert watch(pictures, Motion(min_area=0.03)) == []
    assert kinds(watch(pictures, Motion(min_area=0.01))) == ["motion"]


def test_what_is_fainter_than_the_threshold_is_nothing() -> None:
    """The same box is motion or not as `threshold` says."""
    pictures = list(film(lambda s: with_box(flat(), (s - 6) * 40, 70, grey=110), 20))

    assert watch(pictures, Motion(threshold=30)) == []
    assert kinds(watch(pictures, Motion(threshold=10))) == ["motion"]


def test_an_event_begins_after_k_of_n_frames() -> None:
    """Two frames with motion of the last three begin an event; two of ten do not."""

    def at(at_s: float) -> Scene:
        number = round(at_s * 5)
        return with_box(ROOM, 100 + 40 * number % 160, 70) if number in (50, 55) else ROOM

    pictures = list(film(at, 20))

    assert watch(pictures) == []
    assert kinds(watch(pictures, Motion(start_frames=1))) == ["motion"]
    assert kinds(watch(pictures, Motion(start_frames=2, start_window=6))) == ["motion"]


def test_quiet_separates_events() -> None:
    """Two passages with more quiet between them than `end_after` are two events, else one."""

    def at(at_s: float) -> Scene:
        return crossing(from_s=6 if at_s < 15 else 19, speed=80)(at_s)

    pictures = list(film(at, 30))

    assert kinds(watch(pictures)) == ["motion", "motion"]
    assert kinds(watch(pictures, Motion(end_after=12))) == ["motion"]


def test_a_camera_that_was_pushed_is_reported() -> None:
    """The same scene, shifted by a thirteenth, is a moved camera and no motion."""
    changes = watch(film(lambda s: ROOM if s < 10 else np.roll(ROOM, 25, 1), 30))

    assert kinds(changes) == ["camera-moved"]
    assert seconds(changes[0].start_ns) == pytest.approx(10, abs=0.5)


def test_a_camera_that_was_turned_away_is_reported() -> None:
    """Another view from one frame to the next is a moved camera and no motion."""
    changes = watch(film(lambda s: ROOM if s < 10 else OTHER, 30))

    assert "camera-moved" in kinds(changes)
    assert "motion" not in kinds(changes)


@pytest.mark.parametrize("grey", [15, 110], ids=["dark", "bright"])
def test_a_camera_that_is_covered_is_reported(grey: float) -> None:
    """It begins within seconds and ends when the view is back."""
    changes = watch(film(lambda s: flat(grey=grey) if 10 < s < 25 else ROOM, 40))

    (event,) = ended(changes, "camera-covered")
    assert seconds(event.start_ns) == pytest.approx(11, abs=1.5)
    assert seconds(event.last_ns) == pytest.approx(25.5, abs=1.5)
    assert "motion" not in kinds(changes)


def test_a_lamp_that_fades_is_not_a_cover() -> None:
    """A scene that goes dark step by step is lighting, however dark it gets."""
    dark = film(lambda s: ROOM * np.float32(max(0, 1 - max(0, s - 10) / 2)), 30)

    assert kinds(watch(dark)) == ["lighting"]
