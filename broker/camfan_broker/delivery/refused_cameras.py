"""Reasons why a peer does not get a camera, as sentences."""

from __future__ import annotations

from collections.abc import Iterable

from camfan_broker.camera.camera import TrackedCamera


def no_camera(name: str, cameras: Iterable[str]) -> str:
    """The camera does not exist, or the peer is not permitted to know of it."""
    return f"no camera '{name}' here; there is {', '.join(sorted(cameras))}"[:500]


def left_out(
    site: str,
    cameras: Iterable[TrackedCamera],
    unknown: Iterable[str],
    there_is: Iterable[str],
) -> dict[str, str]:
    """Why the broker of another site does not get a camera, by camera."""
    reasons = {name: no_camera(name, there_is) for name in unknown}
    for camera in cameras:
        if site in (camera.via or ()):
            way = ", ".join(f"'{each}'" for each in camera.via or ())
            reasons[camera.name] = f"'{camera.name}' has come from {way}: that would be a loop"
    return reasons
