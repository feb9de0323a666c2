"""Topics, and layers as shares of the frames."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan_wire.topics import (
    LAYERS,
    camera_of,
    camera_topic,
    event_topic,
    frame_topic,
    layer_of,
    split_event_topic,
    split_status_topic,
    status_topic,
)

NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True)


@pytest.mark.parametrize(
    ("up_to", "share"),
    [(0, Fraction(1, 8)), (1, Fraction(1, 4)), (2, Fraction(1, 2)), (3, Fraction(1))],
)
def test_layers_are_exact_shares(up_to: int, share: Fraction) -> None:
    """Layers 0 to n are 1/8, 1/4, 1/2 and all of the frames, evenly spaced from frame 0 on."""
    frames = [sequence for sequence in range(8000) if layer_of(sequence) <= up_to]

    assert Fraction(len(frames), 8000) == share
    assert frames == list(range(0, 8000, int(1 / share)))


@given(st.integers(0, 2**63 - 1))
def test_every_frame_is_in_one_layer(sequence: int) -> None:
    remainder = sequence % 8
    expected = {0: 0, 4: 1, 2: 2, 6: 2}.get(remainder, 3)

    assert layer_of(sequence) == expected < LAYERS


@given(NAMES, st.integers(0, 3))
def test_a_frame_topic_names_its_camera(camera: str, layer: int) -> None:
    topic = frame_topic(camera, layer)

    assert camera_of(topic) == camera
    assert topic.startswith(camera_topic(camera))


@given(NAMES, NAMES)
def test_no_camera_is_the_prefix_of_another(one: str, other: str) -> None:
    """`frame/cam1/` never matches `frame/cam10/`."""
    matches = frame_topic(other, 0).startswith(camera_topic(one))

    assert matches == (one == other)


@given(NAMES, NAMES)
def test_event_and_status_topics_are_read_back(source: str, kind: str) -> None:
    assert split_event_topic(event_topic(source, kind)) == (source, kind)
    assert split_status_topic(status_topic(source)) == source


@pytest.mark.parametrize(
    "topic",
    [
        b"",
        b"frame/",
        b"frame/cam1/",
        b"frame/cam1/4/",
        b"frame/cam1/0",
        b"frame/cam1/0/x",
        b"frame/cam1/0/\n",
        b"frame//0/",
        b"frame/Cam1/0/",
        b"frame/-cam/0/",
        b"frame/../0/",
        b"frame/caf\xc3\xa9/0/",
        b"frame/cam1/\xd9\xa3/",  # a digit, in Arabic
        b"frame/" + b"a" * 65 + b"/0/",
        b"event/cam1/0/",
        b" frame/cam1/0/",
        b"frame/cam1\x00/0/",
    ],
)
def test_what_is_not_a_frame_topic(topic: bytes) -> None:
    assert camera_of(topic) == ""


@given(st.binary(max_size=200))
def test_any_bytes_are_a_topic_or_none(data: bytes) -> None:
    """Bytes that arrive as a topic are split or rejected, and what is split is the whole topic."""
    camera, event, status = camera_of(data), split_event_topic(data), split_status_topic(data)

    assert not camera or data in [frame_topic(camera, layer) for layer in range(LAYERS)]
    assert event is None or event_topic(*event) == data
    assert status is None or status_topic(status) == data
