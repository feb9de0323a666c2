"""A camera's detector, as the site file describes it, or as it is tried out."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import inspect

from camfan_config import Motion, Site, select
from camfan_config.conversion.kinds import ValueKind, kind_of
from camfan_config.conversion.scalars import Wrong, read_scalar
from camfan_config.document.tree import Scalar, TextSpan
from camfan_config.text.spelling import did_you_mean
from camfan_nodes.motion.detector import Detector
from camfan_nodes.motion.zones import Points
from camfan_nodes.shared.command import ConfigurationError


def detector_of(site: Site, motion: Motion, camera: str) -> Detector:
    """The detector of one camera of one motion node."""
    zones, masks = areas_of(site, motion, camera)
    return Detector(motion, zones=zones, masks=masks)


def areas_of(
    site: Site, motion: Motion, camera: str
) -> tuple[dict[str, Points], dict[str, Points]]:
    """The zones that count for this node, and the masks, both by name."""
    section = site.cameras[camera]
    zones = {name: section.zones[name] for name in motion.zones.get(camera, ())}
    return zones, dict(section.masks)


def motion_for(site: Site, camera: str) -> Motion:
    """The settings of the first motion node that watches this camera; without one, the defaults."""
    for motion in site.motion.values():
        if camera in select(site, motion.cameras):
            return motion
    return Motion()


def changed(motion: Motion, wishes: Iterable[str]) -> Motion:
    """The settings with `key=value` wishes fulfilled, values written as in the site file.

    Raises ConfigurationError.
    """
    values = dict(_read(wish) for wish in wishes)
    motion = msgspec.structs.replace(motion, **values)
    if motion.start_frames > motion.start_window:
        raise ConfigurationError(
            f"start_frames ({motion.start_frames}) is more than start_window"
            f" ({motion.start_window}): no event could ever begin"
        )
    return motion


def _read(wish: str) -> tuple[str, object]:
    key, _, text = wish.partition("=")
    kinds = _kinds()
    if key not in kinds:
        hint = did_you_mean(key, kinds)
        raise ConfigurationError(f"motion has no setting '{key}' to try; {hint}")
    scalar = Scalar(text, plain=True, mark=TextSpan(0, 0), written=text)
    try:
        return key, read_scalar(kinds[key], scalar)
    except Wrong as exc:
        meant = f"; did you mean {exc.suggestion}?" if exc.suggestion else ""
        raise ConfigurationError(f"{key}: {exc}{meant}") from None


def _kinds() -> dict[str, ValueKind]:
    """The settings that are one number."""
    info = inspect.type_info(Motion)
    assert isinstance(info, inspect.StructType)
    kinds = {field.name: kind_of(field.type) for field in info.fields}
    return {
        name: kind
        for name, kind in kinds.items()
        if isinstance(kind.type, inspect.IntType | inspect.FloatType)
    }
