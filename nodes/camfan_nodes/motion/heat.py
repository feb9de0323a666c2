"""A trial as a picture: where motion was, how often, and the box of each event at its peak."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from camfan_config.errors import CamfanError
from camfan_nodes.motion.pictures import Gray
from camfan_nodes.motion.trial import Trial
from camfan_nodes.motion.zones import Points

BOX, ZONE, MASK = (80, 255, 80), (255, 200, 80), (80, 80, 255)  # BGR
WARMTH = 0.6  # of the colour where motion was most frequent


class HeatMapError(CamfanError):
    """The picture cannot be written."""


def write_picture(
    path: Path, trial: Trial, zones: Mapping[str, Points], masks: Mapping[str, Points]
) -> None:
    """Raises PictureError."""
    canvas = _warmed(trial)
    for polygons, colour in ((zones, ZONE), (masks, MASK)):
        for points in polygons.values():
            cv2.polylines(canvas, [_pixels(points, canvas)], True, colour, 1, cv2.LINE_AA)
    for event in trial.events:
        for x, y, width, height in event.boxes:
            corners = _pixels(((x, y), (x + width, y + height)), canvas)
            cv2.rectangle(canvas, corners[0].tolist(), corners[1].tolist(), BOX, 1)
    written, encoded = cv2.imencode(path.suffix, canvas)
    if not written:
        raise HeatMapError(f"{path}: the picture cannot be encoded")
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as exc:
        raise HeatMapError(f"{path}: cannot be written: {exc.strerror}") from exc


def _warmed(trial: Trial) -> Gray:
    height, width = trial.picture.shape
    most = float(trial.heat.max())
    heat = trial.heat / np.float32(most) if most else trial.heat
    heat = np.asarray(cv2.resize(heat, (width, height)), np.float32)
    colours = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    plain = cv2.cvtColor(trial.picture, cv2.COLOR_GRAY2BGR)
    share = (WARMTH * np.sqrt(heat))[:, :, None]  # the root: a rare passer-by is seen as well
    return np.asarray(plain * (1 - share) + np.asarray(colours) * share, np.uint8)


def _pixels(points: Points, canvas: Gray) -> NDArray[np.int32]:
    scale = np.array([canvas.shape[1] - 1, canvas.shape[0] - 1], np.float64)
    pixels: NDArray[np.int32] = np.rint(np.array(points, np.float64) * scale).astype(np.int32)
    return pixels
