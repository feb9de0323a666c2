"""When a camera is live, and when it is not any more."""

from __future__ import annotations

import pytest

from camfan_config.site.pace import Pace
from camfan_nodes.monitor.observer import Arrival, CameraObserver, WorstAge

LIMITS = Pace().limits


def arrival(now_s: float, age_s: float | None = 0.1, error_s: float = 0.01) -> Arrival:
    return Arrival(now_s, int(now_s * 1e9), age_s, error_s)


def flowing(until_s: float, fps: float = 10.0, age_s: float | None = 0.1) -> CameraObserver:
    """A camera that has sent pictures from second 0 to `until_s`."""
    watch = CameraObserver(0.0, LIMITS)
    for number in range(int(until_s * fps) + 1):
        watch.arrived(arrival(number / fps, age_s))
    return watch


def test_a_camera_with_fresh_pictures_is_live() -> None:
    """Age and error together are below a second: that is certain enough."""
    look = flowing(2.0).look(2.05)

    assert look.state == "live"
    assert look.age_s == pytest.approx(0.15)
    assert look.fps == pytest.approx(10)


def test_late_is_decided_on_age_and_error() -> None:
    """Live is shown only if it is certain."""
    watch = flowing(2.0)
    watch.arrived(arrival(2.1, 0.6, 0.5))

    assert watch.look(2.1).state == "late"


def test_a_camera_that_keeps_pictures_for_an_unknown_time_is_not_late_for_ever() -> None:
    """As RTSP without sender reports: the error is greater than what is late, and always so."""
    watch = CameraObserver(0.0, LIMITS)
    for number in range(20):
        watch.arrived(arrival(number / 10, 0.1, 2.0))

    assert watch.look(2.0).state == "live"


def test_a_picture_of_unknown_age_is_not_called_live() -> None:
    """The clock of the camera is not known: frames arrive, but their age is not known."""
    assert flowing(2.0, age_s=None).look(2.0).state == "late"


def test_no_new_picture_for_three_seconds_is_stale() -> None:
    """The viewer's own clock decides; no message is needed."""
    watch = flowing(2.0)

    assert watch.look(4.9).state == "late"
    assert watch.look(5.0).state == "stale"
    assert watch.look(5.0).since_ns == 2_000_000_000


def test_a_slow_camera_has_three_frame_times() -> None:
    """One picture in two seconds is what it does, not a fault."""
    watch = flowing(10.0, fps=0.5)

    assert watch.look(15.9).state == "late"
    assert watch.look(16.0).state == "stale"


def test_the_pace_of_the_camera_counts_from_the_first_picture_on() -> None:
    """The broker says that it takes a picture in 7 s; one of 5 s ago is as live as one of now."""
    watch = CameraObserver(0.0, Pace(7.0).limits)
    watch.arrived(arrival(0.1, 5.0))

    assert watch.look(0.1).state == "live"
    assert watch.look(20.9).state == "late"
    assert watch.look(21.2).state == "stale"
    assert watch.look(61.0).state == "offline"


def test_a_source_that_is_over_has_ended() -> None:
    """The broker says so; without the broker nothing is known."""
    watch = flowing(2.0)

    assert watch.look(900.0, said="ended").state == "ended"
    assert watch.look(900.0, connected=False, said="ended").state == "stale"


def test_a_camera_that_was_offline_before_is_offline_now() -> None:
    """What the broker says, and the table; until its first picture comes."""
    watch = CameraObserver(0.0, LIMITS)

    assert watch.look(1.0, said="offline").state == "offline"
    assert watch.look(1.0, connected=False, said="offline").state == "offline"
    assert watch.look(1.0, said="waiting").state == "waiting"
    watch.arrived(arrival(2.0))
    assert watch.look(2.1, said="offline").state == "live"


def test_a_minute_of_silence_is_offline() -> None:
    """It cannot be reached, and its last picture is shown no more."""
    assert flowing(2.0).look(62.0).state == "offline"


def test_nothing_is_live_without_the_broker() -> None:
    """Everything is stale at once, and nothing is called offline: it is not known."""
    watch = flowing(2.0)

    assert watch.look(2.0, connected=False).state == "stale"
    assert watch.look(900.0, connected=False).state == "stale"


def test_the_last_known_picture_does_not_make_a_silent_camera_live() -> None:
    """A newcomer is given the last picture at once, with its true age: stale from the start."""
    watch = CameraObserver(0.0, LIMITS)
    watch.arrived(arrival(0.1, 20.0))

    assert watch.look(0.1).state == "stale"

    watch.arrived(arrival(0.2, 0.1))
    assert watch.look(0.2).state == "live"


def test_a_first_picture_of_unknown_age_is_stale_until_a_second_comes() -> None:
    """One picture alone may be of yesterday; two in a row show that the camera sends."""
    watch = CameraObserver(0.0, LIMITS)
    watch.arrived(arrival(0.1, None))
    assert watch.look(0.1).state == "stale"

    watch.arrived(arrival(0.2, None))
    assert watch.look(0.2).state == "late"


def test_a_thin_link_is_late_not_stale() -> None:
    """Pictures that are four seconds old but keep coming are late, and say so by their age."""
    watch = flowing(3.0, fps=2, age_s=0.2)
    for number in range(1, 20):
        watch.arrived(arrival(3.0 + number / 2, 4.0))

    assert watch.look(12.6).state == "late"


def test_a_camera_that_was_asked_for_waits_a_minute() -> None:
    """Then it is offline, though no picture ever came."""
    watch = CameraObserver(10.0, LIMITS)

    assert watch.look(69.9).state == "waiting"
    assert watch.look(70.0).state == "offline"
    assert watch.look(900.0, connected=False).state == "waiting"


def test_the_age_shown_is_the_worst_of_half_a_second() -> None:
    """Twice a second, so that it can be read; never better than what was seen."""
    worst = WorstAge()
    for now_s, age_s in ((0.0, 0.1), (0.1, 0.9), (0.3, 0.2), (0.5, 0.2)):
        worst.note(now_s, age_s, 0.01)

    assert worst.shown == (0.9, 0.01)

    worst.note(0.7, 0.2, 0.01)
    assert worst.shown == (0.9, 0.01)

    worst.note(1.0, 0.2, 0.01)
    assert worst.shown == (0.2, 0.01)

    worst.note(1.1, None, 0.0)
    assert worst.shown is None
