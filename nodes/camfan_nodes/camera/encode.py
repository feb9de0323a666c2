"""From a captured frame to the JPEG that is published: turned, painted, encoded 4:2:0.

A JPEG that needs no change passes through untouched, apart from the repairs of `jpeg_repair.py`,
which JPEGs of every source get here. A JPEG with an EXIF orientation is turned upright first and
loses the orientation. OpenCV is loaded only where the size of an image has to change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
import simplejpeg

from camfan.upright import turned_upright
from camfan_config.errors import CamfanError
from camfan_config.types import (
    CameraBase,
    EncodingCamera,
    FileCamera,
    HttpCamera,
    Limits,
    RtspCamera,
    Size,
)
from camfan_nodes.camera.jpeg_repair import repair_jpeg
from camfan_nodes.camera.privacy import Paint
from camfan_nodes.camera.source import Bgr, CapturedFrame, Plane, Planes
from camfan_wire.bounds import WIDEST, check_bounds
from camfan_wire.exif import UPRIGHT, orientation
from camfan_wire.jpeg import picture_size
from camfan_wire.scans import check_scans

SAMPLING = "420"


class JpegDecodeError(CamfanError):
    """One JPEG that cannot be decoded; the next one may be."""


class EncodedJpeg(NamedTuple):
    """A JPEG that is ready to be published, and how it was made."""

    jpeg: bytes
    encoded: bool  # False: it passed through
    orientation: int  # EXIF's, of the JPEG that it was made of


@dataclass(frozen=True, slots=True)
class Encoder:
    """How the frames of one camera become JPEGs."""

    quality: int = 80
    rotate: int = 0  # degrees clockwise
    flip: str = "none"
    size: Size | None = None  # of frames that arrive as JPEG; others keep the size they have
    paint: Paint = field(default_factory=lambda: Paint(()))
    limits: Limits = WIDEST  # of a frame; a larger one is not even decoded

    def passes(self, jpeg: bytes) -> bool:
        """True if it needs no change. Raises WireError for what is not a JPEG."""
        if self.rotate or self.flip != "none" or self.paint or orientation(jpeg) != UPRIGHT:
            return False
        return self.size is None or picture_size(jpeg) == (self.size.width, self.size.height)

    def make(self, picture: CapturedFrame, quality: int | None = None) -> EncodedJpeg:
        """`quality` in place of the encoder's own, if given.

        Raises JpegDecodeError, and WireError for what is not a JPEG or is too large.
        """
        quality = quality or self.quality
        content, way = picture.content, UPRIGHT
        if isinstance(content, bytes):
            content = repair_jpeg(content)
            if self.passes(content):
                return EncodedJpeg(content, encoded=False, orientation=way)
            way = orientation(content)
            check_bounds(len(content), *picture_size(content), self.limits)
            content = self._resized(turned_upright(decode_jpeg(content), way))
        height, width = (content.y if isinstance(content, Planes) else content).shape[:2]
        check_bounds(0, width, height, self.limits)
        if isinstance(content, Planes):
            return EncodedJpeg(self._encode_planes(content, quality), encoded=True, orientation=way)
        return EncodedJpeg(self._encode_bgr(content, quality), encoded=True, orientation=way)

    def encode(self, picture: CapturedFrame, quality: int | None = None) -> bytes:
        """The JPEG alone that `make` makes."""
        return self.make(picture, quality).jpeg

    def _encode_planes(self, planes: Planes, quality: int) -> bytes:
        if self.rotate or self.flip != "none":
            planes = Planes(self._turned(planes.y), self._turned(planes.u), self._turned(planes.v))
        if self.paint:
            planes = self.paint.on_planes(planes)
        luma = _even(planes.y)
        return cast(
            bytes, simplejpeg.encode_jpeg_yuv_planes(luma, planes.u, planes.v, quality=quality)
        )

    def _encode_bgr(self, image: Bgr, quality: int) -> bytes:
        image = self._turned(image)
        if self.paint:
            image = self.paint.on_bgr(image)
        return cast(
            bytes,
            simplejpeg.encode_jpeg(
                image, quality=quality, colorspace="BGR", colorsubsampling=SAMPLING
            ),
        )

    def _turned(self, plane: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        turned = np.rot90(plane, -self.rotate // 90) if self.rotate else plane
        if self.flip == "horizontal":
            turned = turned[:, ::-1]
        elif self.flip == "vertical":
            turned = turned[::-1]
        return np.ascontiguousarray(turned)

    def _resized(self, image: Bgr) -> Bgr:
        if self.size is None or image.shape[1::-1] == (self.size.width, self.size.height):
            return image
        import cv2  # only here: a camera that is not resized runs without it

        area = (self.size.width, self.size.height)
        return cast(Bgr, cv2.resize(image, area, interpolation=cv2.INTER_AREA))


def _even(luma: Plane) -> Plane:
    """The same plane, in memory that has the even number of rows and columns that TurboJPEG reads.

    It reads them even where the frame is odd: from the next row, and behind the last one.
    """
    height, width = luma.shape
    if not (height % 2 or width % 2):
        return luma
    return np.pad(luma, ((0, height % 2), (0, width % 2)), mode="edge")[:height, :width]


def encoder_of(camera: CameraBase, limits: Limits = WIDEST) -> Encoder:
    """The encoder that a camera of the site file asks for, in a site with these limits."""
    if not isinstance(camera, EncodingCamera):
        return Encoder(limits=limits)
    return Encoder(
        limits=limits,
        quality=camera.quality,
        rotate=camera.rotate,
        flip=camera.flip,
        size=camera.size if isinstance(camera, HttpCamera | FileCamera | RtspCamera) else None,
        paint=Paint(camera.privacy.values()),
    )


def decode_jpeg(jpeg: bytes) -> Bgr:
    """The pixels of a JPEG from outside. Raises WireError or JpegDecodeError for bad ones."""
    width, height = picture_size(jpeg)  # first: a small file may claim to be a huge frame
    check_scans(jpeg, width * height)
    try:
        return cast(Bgr, simplejpeg.decode_jpeg(jpeg, colorspace="BGR", strict=False))
    except ValueError as exc:
        raise JpegDecodeError(f"a JPEG that cannot be decoded: {exc}") from exc
