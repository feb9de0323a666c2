"""Topics, and the layers that make any frame rate a matter of subscription.

Every topic ends with `/`, so that `frame/cam1/` never matches `frame/cam10/`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from camfan_config.names import NAME_PATTERN

FRAMES = b"frame/"
EVENTS = b"event/"
STATUSES = b"status/"

LAYERS = 4
NAME = re.compile(NAME_PATTERN)  # of cameras, nodes and kinds of event
_NAME = NAME_PATTERN.encode("ascii")
_FRAME = re.compile(rb"frame/(%b)/[0-3]/" % _NAME)
_EVENT = re.compile(rb"event/(%b)/(%b)/" % (_NAME, _NAME))
_STATUS = re.compile(rb"status/(%b)/" % _NAME)
_LAYER_BY_REMAINDER = (0, 3, 2, 3, 1, 3, 2, 3)


def layer_of(sequence: int) -> int:
    """0 for each 8th frame, 0 and 1 for each 4th, 0 to 2 for each 2nd, 3 for the odd ones."""
    return _LAYER_BY_REMAINDER[sequence & 7]


@lru_cache(maxsize=4096)
def frame_topic(camera: str, layer: int) -> bytes:
    return b"frame/%s/%d/" % (camera.encode("ascii"), layer)


def camera_topic(camera: str) -> bytes:
    """The prefix of all frames of one camera."""
    return b"frame/%s/" % camera.encode("ascii")


def event_topic(source: str, kind: str) -> bytes:
    return b"event/%s/%s/" % (source.encode("ascii"), kind.encode("ascii"))


def status_topic(node: str) -> bytes:
    return b"status/%s/" % node.encode("ascii")


@lru_cache(maxsize=4096)
def camera_of(topic: bytes) -> str:
    """The camera of a frame topic; empty if these bytes are not one."""
    match = _FRAME.fullmatch(topic)
    return match[1].decode("ascii") if match else ""


def split_event_topic(topic: bytes) -> tuple[str, str] | None:
    """Source and kind, or None if these bytes are not an event topic."""
    match = _EVENT.fullmatch(topic)
    return (match[1].decode("ascii"), match[2].decode("ascii")) if match else None


def split_status_topic(topic: bytes) -> str | None:
    """The node, or None if these bytes are not a status topic."""
    match = _STATUS.fullmatch(topic)
    return match[1].decode("ascii") if match else None


def above(layers: int, after: int, before: int) -> int:
    """How many sequences between two are not in the first `layers` layers."""
    between = before - after - 1
    if not layers:
        return between
    step = 16 >> layers  # the sequences of these layers are its multiples
    return between - ((before - 1) // step - after // step)
