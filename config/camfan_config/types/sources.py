"""Sources of cameras, each with its own keys."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from camfan_config.types.camera import CameraBase, EncodingCamera
from camfan_config.types.values import CertificateAuthority, Fingerprint, Name, Path, Secret, Verify

VIDEO = "video"  # the extra with PyAV and OpenCV


class TestCamera(EncodingCamera, frozen=True, kw_only=True, tag_field="source", tag="test"):
    """A moving picture that shows its own sequence and time."""

    __test__ = False  # its name is the field's, not pytest's


class FileCamera(EncodingCamera, frozen=True, kw_only=True, tag_field="source", tag="file"):
    """A video file at its own pace; MJPEG passes through untouched unless it must be changed."""

    path: Annotated[Path, Meta(description="the video; relative: to this file's folder")]
    loop: Annotated[bool, Meta(description="start again at the end")] = False

    @property
    def extra(self) -> str | None:
        return VIDEO


class ImagesCamera(CameraBase, frozen=True, kw_only=True, tag_field="source", tag="images"):
    """A folder of JPEGs, in the order of their names, untouched."""

    path: Annotated[Path, Meta(description="the folder; relative: to this file's folder")]
    loop: Annotated[bool, Meta(description="start again at the end")] = False


class V4l2Camera(EncodingCamera, frozen=True, kw_only=True, tag_field="source", tag="v4l2"):
    """A webcam; `mjpg` passes through untouched, every other format is encoded here."""

    device: Annotated[
        str,
        Meta(
            min_length=1,
            description="best the lasting name below /dev/v4l/by-id; see `camfan cameras`",
            extra={"words": "a path such as /dev/video0"},
        ),
    ] = "/dev/video0"
    format: Annotated[
        Literal["mjpg", "nv12", "yu12", "yv12", "nv16", "yuyv", "uyvy", "bgr3", "rgb3", "grey"]
        | None,
        Meta(
            description="mjpg passes through untouched, others are encoded here and can be changed;"
            " absent: the best that the webcam offers"
        ),
    ] = None


class Picamera2Camera(
    EncodingCamera, frozen=True, kw_only=True, tag_field="source", tag="picamera2"
):
    """A camera module on the ribbon cable of a Raspberry Pi."""

    camera: Annotated[int, Meta(ge=0, le=7, description="number of the ribbon cable, from 0")] = 0
    controls: Annotated[
        dict[str, bool | int | float | str | tuple[float, ...]],
        Meta(description="libcamera controls by their own names, such as AfMode"),
    ] = {}


class RtspCamera(EncodingCamera, frozen=True, kw_only=True, tag_field="source", tag="rtsp"):
    """An RTSP stream, decoded and encoded again as JPEG; MJPEG goes through untouched."""

    url: Annotated[Secret, Meta(description="rtsp:// or rtsps://; masked wherever it is shown")]
    transport: Annotated[Literal["tcp", "udp"], Meta(description="tried first; then the other")] = (
        "tcp"
    )
    ca: CertificateAuthority = None
    fingerprint: Fingerprint = None
    verify: Verify = True

    @property
    def extra(self) -> str | None:
        return VIDEO


class HttpCamera(EncodingCamera, frozen=True, kw_only=True, tag_field="source", tag="http"):
    """An MJPEG stream, untouched, or a snapshot address asked at `fps`."""

    url: Annotated[Secret, Meta(description="http:// or https://; masked wherever it is shown")]
    snapshot: Annotated[bool, Meta(description="true: the address gives one JPEG per request")] = (
        False
    )
    ca: CertificateAuthority = None
    fingerprint: Fingerprint = None
    verify: Verify = True

    @property
    def extra(self) -> str | None:
        return VIDEO if self.size else None  # only resizing needs OpenCV


NetworkCamera = RtspCamera | HttpCamera  # with `url`, `ca`, `fingerprint` and `verify`


class UpstreamCamera(CameraBase, frozen=True, kw_only=True, tag_field="source", tag="upstream"):
    """A camera of another site, taken from the broker there; there is no node to start."""

    upstream: Annotated[Name, Meta(description="which of `upstream` it is taken from")] = field(
        name="from"
    )
    camera: Annotated[
        Name | None, Meta(description="what it is called there; absent: the same")
    ] = None


class CustomCamera(CameraBase, frozen=True, kw_only=True, tag_field="source", tag="custom"):
    """Published by your own code, with camfan.Publisher; there is no node to start."""


Camera = (
    TestCamera
    | FileCamera
    | ImagesCamera
    | V4l2Camera
    | Picamera2Camera
    | RtspCamera
    | HttpCamera
    | CustomCamera
    | UpstreamCamera
)
