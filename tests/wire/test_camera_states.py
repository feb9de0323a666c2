"""The words for the state of a camera, and when each of them is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan_config import CustomCamera, HttpCamera, ImagesCamera, RtspCamera, TestCamera
from camfan_config.site.pace import Gaps, Pace, planned_pace
from camfan_wire.states import LIVE, NORMAL, RANK, STATES, TROUBLE, live_text, state_of

REPOSITORY = Path(__file__).parents[2]
STREAM = HttpCamera(url="http://camera/stream")
FAST = Pace(0.1).limits


@pytest.mark.parametrize(
    ("quiet_s", "came", "state"),
    [
        (0.0, True, "live"), (2.9, True, "live"), (3.0, True, "stale"), (59.9, True, "stale"),
        (60.0, True, "offline"), (0.0, False, "waiting"), (59.9, False, "waiting"),
        (60.0, False, "offline"),
    ],
)  # fmt: skip
def test_silence_decides(quiet_s: float, came: bool, state: str) -> None:
    """A camera of 10 fps: stale after 3 s, offline after a minute; waiting before its first."""
    assert state_of(FAST, quiet_s, came=came) == state


@given(interval_s=st.floats(0.01, 3600), came=st.booleans(), quiet=st.floats(0, 1))
def test_a_camera_that_keeps_its_own_pace_is_never_in_trouble(
    interval_s: float, came: bool, quiet: float
) -> None:
    """Whatever its interval, up to an hour."""
    pace = Pace(interval_s)

    assert state_of(pace.limits, quiet * 2.9 * interval_s, came=came) not in TROUBLE


def test_late_is_decided_on_age_and_error() -> None:
    """More than a second, or two intervals of a slow camera; or not known at all."""
    assert state_of(FAST, 0.0, came=True, age=(0.6, 0.5)) == "late"
    assert state_of(FAST, 0.0, came=True, age=None) == "late"
    assert state_of(FAST, 0.0, came=True, age=(0.1, 2.0)) == "live", "an encoder may keep as much"
    assert state_of(FAST, 0.0, came=True, age=(1.1, 2.0)) == "late"
    assert state_of(Pace(7.0).limits, 6.0, came=True, age=(6.5, 0.1)) == "live"


def test_what_is_normal_is_not_trouble() -> None:
    """Not watched is idle, unless it has stopped; a source that is over has ended, for ever."""
    assert state_of(FAST, 1.0, came=True, watched=False) == "idle"
    assert state_of(FAST, 4.0, came=True, watched=False) == "stale"
    assert state_of(FAST, 90.0, came=True, watched=False) == "offline"
    assert state_of(FAST, 1e6, came=True, ended=True) == "ended"
    assert set(LIVE) < set(NORMAL)
    assert not set(NORMAL) & set(TROUBLE)
    assert set(RANK) == set(STATES)


def test_the_counts_of_the_first_sentence_add_up() -> None:
    """`late` is live too."""
    states = ["live"] * 12 + ["late", "waiting", "waiting", "stale"]

    assert live_text(states) == "13 of 16 live, 1 stale, 2 waiting"  # type: ignore[arg-type]
    assert live_text(["live", "late"]) == "2 live"
    assert live_text(["idle", "ended"]) == "0 of 2 live, 1 idle, 1 ended"
    assert live_text([]) == "no cameras"


@pytest.mark.parametrize(
    ("camera", "interval_s", "stale_s", "stall_s"),
    [
        (TestCamera(fps=10), 0.1, 3, 5),
        (TestCamera(fps=0.05), 20, 60, 60),
        (TestCamera(fps=1 / 3600), 3600, 10_800, 10_800),
        (RtspCamera(url="rtsp://c"), 0, 5, 5),
        (CustomCamera(stall_after=30), 0, 30, 30),
        (ImagesCamera(path="x"), 1, 3, 5),
        (HttpCamera(url="http://c", snapshot=True), 1, 3, 5),
        (HttpCamera(url="http://c", snapshot=True, fps=0.1), 10, 30, 30),
        (STREAM, 0, 60, 60),
        (HttpCamera(url="http://c", fps=10), 0.1, 60, 60),
        (HttpCamera(url="http://c", stall_after=2), 0, 3, 2),
        (HttpCamera(url="http://c", fps=0.01), 100, 300, 300),
    ],
)
def test_the_site_file_says_how_long_a_silence_may_be(
    camera: TestCamera, interval_s: float, stale_s: float, stall_s: float
) -> None:
    """Three intervals, 3 s at least; a stream whose pace must be seen first is given a minute."""
    pace = planned_pace(camera)

    assert (pace.interval_s, pace.stale_s, pace.stall_s) == pytest.approx(
        (interval_s, stale_s, stall_s)
    )


@pytest.mark.parametrize("gaps", [[7.0] * 3, [0.01, 7, 7], [0.01, 7] * 6, [7.0] * 11 + [600]])
def test_the_pace_of_a_stream_is_learned(gaps: list[float]) -> None:
    """From three intervals on; pictures in pairs and one long pause do not matter."""
    seen = Gaps()
    for gap in gaps:
        seen.add(gap)

    pace = planned_pace(STREAM).seen(seen.interval_s)

    assert (pace.interval_s, pace.stale_s, pace.stall_s) == (7, 21, 21)


def test_two_pictures_are_not_enough_to_know_a_pace() -> None:
    """The first ones of a stream may come in a burst."""
    seen = Gaps()
    seen.add(0.01)

    assert planned_pace(STREAM).seen(seen.interval_s).stale_s == 60


def test_a_reader_that_gets_fewer_pictures_is_more_patient() -> None:
    """A page that asks for one picture in five seconds is not stale after three."""
    assert FAST.at_least(5.0).stale_s == 15
    assert FAST.at_least(0.01) == FAST


def test_no_program_has_another_word_or_another_limit() -> None:
    """Neither a word of old nor a limit of its own stands anywhere else."""
    sources = [
        path
        for folder in ("broker", "nodes")
        for kind in ("*.py", "*.js", "*.css")
        for path in (REPOSITORY / folder).rglob(kind)
    ]
    old = re.compile(
        r"""["']wait["']|=wait\]|["']stalled["']|\b(STALE|OFFLINE|LATE|SILENT)(_S)? = [0-9]"""
    )
    allowed = {"pacing.py", "last_status.py", "adaptation.py"}  # late for a player, a node, a link
    found = {
        f"{path.name}: {match[0]}"
        for path in sources
        for match in old.finditer(path.read_text("utf-8"))
        if path.name not in allowed and "motion" not in path.parts
    }

    assert len(sources) > 100
    assert not found


def test_the_pages_know_the_words_and_no_others() -> None:
    """What the page ranks is what the server says, in the same order; the guide has them all."""
    script = (REPOSITORY / "nodes/camfan_nodes/web/static/camera_observer.js").read_text("utf-8")
    ranked = re.search(r"RANK = \[(.*?)\]", script)
    guide = (REPOSITORY / "docs/guide/watching.md").read_text("utf-8")
    protocol = (REPOSITORY / "docs/reference/protocol.md").read_text("utf-8")

    assert ranked is not None
    assert re.findall(r"'(\w+)'", ranked[1]) == sorted(RANK, key=lambda state: RANK[state])
    for state in STATES:
        assert f"| `{state}` |" in guide
        assert f"`{state}`" in protocol
