"""What a camera takes from `defaults`, and what would have no effect on it.

Pictures that pass through untouched cannot be turned, recompressed or painted over, so such a
camera inherits none of that, and may not ask for it either.
"""

from __future__ import annotations

from collections.abc import Mapping

from camfan_config.types import CameraBase

_ENCODING = frozenset({"quality", "rotate", "flip", "privacy"})


def without_effect(camera: type[CameraBase], values: Mapping[str, object]) -> frozenset[str]:
    """The keys that do nothing for such a camera with such values."""
    tag = camera.__struct_config__.tag
    if tag == "v4l2" and _passes_through(values):
        return _ENCODING  # but `size` chooses the camera's mode
    if tag == "http" and not values.get("snapshot", False):
        return _ENCODING | {"size"}
    return frozenset()


def _passes_through(webcam: Mapping[str, object]) -> bool:
    """Without a `format` it does if the webcam gives JPEGs, unless they are to be changed."""
    changed = webcam.get("rotate") or webcam.get("privacy") or webcam.get("flip", "none") != "none"
    return webcam.get("format") == "mjpg" or (webcam.get("format") is None and not changed)


def inherited(
    camera: type[CameraBase], own: Mapping[str, object], defaults: Mapping[str, object]
) -> dict[str, object]:
    """Those defaults that the camera can use and does not set itself."""
    usable = set(camera.__struct_fields__) - without_effect(camera, own) - set(own)
    return {name: value for name, value in defaults.items() if name in usable}
