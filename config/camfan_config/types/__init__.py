"""What a site file may say.

Types only: nothing here opens a file or a socket. `load.py` fills these types from YAML, so
every other module can take a value as already checked. Units are written as strings in the file
(`5s`, `200GB`, `0.3%`, `1280x720`, `1/10s`) and are plain numbers here.

What `Meta` says is used three times: to check (its bounds), to complain (`words` of `extra`) and
in the JSON Schema that editors read (`description`). In `extra`, `unit` says how a text of the
file is read (`units.py`) and `secret` that a value is never shown.
"""

from camfan_config.types.broker import Broker, Ports, Upstream
from camfan_config.types.camera import (
    CameraBase,
    CameraDefaults,
    CameraRing,
    EncodingCamera,
    RingSize,
)
from camfan_config.types.motion import Motion
from camfan_config.types.recorder import CameraKeep, ClipKeep, Clips, Keep, Recorder, RecordingMode
from camfan_config.types.section import Section
from camfan_config.types.security import Access, Limits, Security
from camfan_config.types.site import Site
from camfan_config.types.sources import (
    Camera,
    CustomCamera,
    FileCamera,
    HttpCamera,
    ImagesCamera,
    NetworkCamera,
    Picamera2Camera,
    RtspCamera,
    TestCamera,
    UpstreamCamera,
    V4l2Camera,
)
from camfan_config.types.values import (
    Address,
    Bytes,
    Cameras,
    CertificateAuthority,
    Coordinate,
    Fingerprint,
    Fps,
    Host,
    Name,
    Path,
    Pattern,
    PictureSize,
    Polygon,
    Port,
    Quality,
    Role,
    Seconds,
    Secret,
    ServerKey,
    Share,
    Size,
    Title,
    Trickle,
    Verify,
)
from camfan_config.types.web import Tls, Token, User, Web

__all__ = [
    "Access",
    "Address",
    "Broker",
    "Bytes",
    "Camera",
    "CameraBase",
    "CameraDefaults",
    "CameraKeep",
    "CameraRing",
    "Cameras",
    "CertificateAuthority",
    "ClipKeep",
    "Clips",
    "Coordinate",
    "CustomCamera",
    "EncodingCamera",
    "FileCamera",
    "Fingerprint",
    "Fps",
    "Host",
    "HttpCamera",
    "ImagesCamera",
    "Keep",
    "Limits",
    "Motion",
    "Name",
    "NetworkCamera",
    "Path",
    "Pattern",
    "Picamera2Camera",
    "PictureSize",
    "Polygon",
    "Port",
    "Ports",
    "Quality",
    "Recorder",
    "RecordingMode",
    "RingSize",
    "Role",
    "RtspCamera",
    "Seconds",
    "Secret",
    "Section",
    "Security",
    "ServerKey",
    "Share",
    "Site",
    "Size",
    "TestCamera",
    "Title",
    "Tls",
    "Token",
    "Trickle",
    "Upstream",
    "UpstreamCamera",
    "User",
    "V4l2Camera",
    "Verify",
    "Web",
]
