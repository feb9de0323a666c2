"""What a site file may say.

Types only: nothing here opens a file or a socket. `load.py` fills these types from YAML, so
every other module can take a value as already checked. Units are written as strings in the file
(`5s`, `200GB`, `0.3%`, `1280x720`, `1/10s`) and are plain numbers here.

What `Meta` says is used three times: to check (its bounds), to complain (`words` of `extra`) and
in the JSON Schema that editors read (`description`). In `extra`, `unit` says how a text of the
file is read (`units.py`) and `secret` that a value is never shown.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\Z",
        description="lower-case letters, digits, '-' and '_', at most 64",
        extra={"words": "lower-case letters, digits, '-' and '_', at most 64"},
    ),
]
Title = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=60,
        pattern=r"^(?!\s)"  # something that is seen; nothing that breaks, hides or turns the text
        r"(?=.*[^\s\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2800\u3164\ufe00-\ufe0f])"
        r"[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]*[^\s]\Z",
        extra={
            "words": "text that can be seen, in any script; no blanks around it, no invisible "
            "characters that break it or turn its direction"
        },
    ),
]
Host = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?\Z",
        extra={"words": "a host name or an IP address"},
    ),
]
Pattern = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9*?\[\]!_-]{1,64}\Z",
        description="a camera name, or a glob such as porch-*",
        extra={"words": "a camera name, or a glob such as porch-*"},
    ),
]
Address = Annotated[str, Meta(extra={"unit": "address"})]  # host:port to listen on
Seconds = Annotated[float, Meta(ge=0, extra={"unit": "duration"})]
Bytes = Annotated[int, Meta(ge=0, extra={"unit": "bytes"})]
Share = Annotated[float, Meta(ge=0, le=1, extra={"unit": "share"})]
Path = Annotated[str, Meta(min_length=1, extra={"unit": "path"})]  # relative: to the site file
Secret = Annotated[str, Meta(min_length=1, extra={"secret": True})]
_NEVER_SHOWN = frozenset({"url", "password", "token"})  # the fields of type Secret
Port = Annotated[int, Meta(ge=1, le=65535)]
ServerKey = Annotated[
    str,
    Meta(pattern=r"^[0-9a-f]{64}\Z", extra={"words": "64 hexadecimal digits, in lower case"}),
]
CertificateAuthority = Annotated[
    Path | None,
    Meta(description="PEM file of the only authority that its certificate may be signed by"),
]
Fingerprint = Annotated[
    Annotated[
        str,
        Meta(
            pattern=r"^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}\Z|^[0-9A-Fa-f]{64}\Z",
            extra={"words": "SHA-256 in hexadecimal digits, with or without colons"},
        ),
    ]
    | None,
    Meta(description="SHA-256 of the only certificate it may have, such as 5A:0F:…"),
]
Verify = Annotated[
    bool, Meta(description="false: any certificate is accepted, from whatever answers")
]
Coordinate = Annotated[float, Meta(ge=0, le=1)]
Polygon = Annotated[
    tuple[tuple[Coordinate, Coordinate], ...],
    Meta(min_length=3, description="corners as [x, y], both 0 to 1 from the top left"),
]
Fps = Annotated[float, Meta(gt=0, le=120, extra={"unit": "rate", "words": "frames per second"})]
Trickle = Annotated[float, Meta(ge=1, le=3600, extra={"unit": "duration"})]
Quality = Annotated[int, Meta(ge=1, le=100)]


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping of the site file: frozen, no key but its own, no secret in its repr."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        names = self.__struct_fields__
        return [(name, "***" if name in _NEVER_SHOWN else getattr(self, name)) for name in names]


class Size(Struct, frozen=True):
    """Pixels; `1280x720` in the file."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


PictureSize = Annotated[Size, Meta(extra={"unit": "size"})]


class Ports(Section, frozen=True, kw_only=True):
    """TCP ports of the broker."""

    ingest: Annotated[Port, Meta(description="cameras publish here")] = 5550
    fanout: Annotated[Port, Meta(description="any ZeroMQ SUB socket reads here")] = 5551
    delivery: Annotated[Port, Meta(description="nodes and the Subscriber class talk here")] = 5552


class Broker(Section, frozen=True, kw_only=True):
    """The process every frame passes through."""

    host: Annotated[Host, Meta(description="the one address everyone dials")] = "127.0.0.1"
    ports: Annotated[Ports, Meta(description="the three ports of the broker")] = Ports()
    http: Annotated[
        Address | None, Meta(description="host:port of health and metrics; null: none")
    ] = "127.0.0.1:5580"
    memory: Annotated[Bytes, Meta(description="of the broker, rings and all, such as 512MB")] = (
        512_000_000
    )


class Access(Section, frozen=True, kw_only=True):
    """What a key that is no node of this file may do."""

    view: Annotated[
        tuple[Pattern, ...] | Literal["*"],
        Meta(description="the cameras it may see: a list of names and globs, or *"),
    ] = ()
    publish_events: Annotated[bool, Meta(description="whether it may publish events")] = False
    control: Annotated[
        bool, Meta(description="whether it may change cameras, trace frames and have files reread")
    ] = False


class Limits(Section, frozen=True, kw_only=True):
    """How much of anything one peer, or all of them, may ask of the broker."""

    connections: Annotated[
        int, Meta(ge=8, le=60_000, description="to the three ports together")
    ] = 1024
    connections_per_key: Annotated[
        int, Meta(ge=4, le=60_000, description="with the same key, to the three ports together")
    ] = 64
    handshakes: Annotated[
        int,
        Meta(
            ge=4,
            le=60_000,
            description="connections that have said nothing yet; of too many, the oldest of the "
            "busiest address goes",
        ),
    ] = 128
    frame: Annotated[
        int, Meta(ge=1000, le=40_000_000, extra={"unit": "bytes"}, description="of a JPEG")
    ] = 16_000_000
    pixels: Annotated[int, Meta(ge=1, le=120_000_000, description="of a JPEG")] = 50_000_000
    header: Annotated[
        int, Meta(ge=256, le=4096, extra={"unit": "bytes"}, description="of a frame's header")
    ] = 4096
    message: Annotated[
        int,
        Meta(
            ge=4096,
            le=65_536,
            extra={"unit": "bytes"},
            description="of a control message, an event or a status",
        ),
    ] = 65_536
    topic: Annotated[
        int, Meta(ge=140, le=256, extra={"unit": "bytes"}, description="of a subscription")
    ] = 256
    subscriptions: Annotated[
        int, Meta(ge=1, le=100_000, description="of one connection to the fanout port")
    ] = 1024
    requests: Annotated[
        float,
        Meta(ge=5, le=10_000, description="messages a second of one connection to delivery"),
    ] = 50.0
    http_header: Annotated[
        int,
        Meta(ge=1024, le=65_536, extra={"unit": "bytes"}, description="of a request over HTTP"),
    ] = 16_384
    http_body: Annotated[
        int,
        Meta(ge=0, le=16_000_000, extra={"unit": "bytes"}, description="of a request over HTTP"),
    ] = 1_000_000


class Security(Section, frozen=True, kw_only=True):
    """Who may do what; without keys, nothing leaves the machine."""

    keys: Annotated[
        Path | None,
        Meta(description="folder of public keys, one NAME.pub each; absent: loopback only"),
    ] = None
    server_key: Annotated[
        ServerKey | None,
        Meta(description="the broker's public key, as `camfan keys new` writes it here"),
    ] = None
    insecure: Annotated[
        bool, Meta(description="true: beyond loopback without keys, said out loud everywhere")
    ] = False
    access: Annotated[
        dict[Name, Access],
        Meta(description="what keys that are no node of this file may do, by their name"),
    ] = {}
    limits: Annotated[Limits, Meta(description="how much anybody may ask of the broker")] = Limits()


class CameraRing(Section, frozen=True, kw_only=True):
    """The frames that a camera keeps for those who missed them."""

    memory: Annotated[Bytes, Meta(description="in memory, such as 64MB")] = 64_000_000
    disk: Annotated[
        Annotated[int, Meta(ge=1_000_000, extra={"unit": "bytes"})] | None,
        Meta(description="on a disk as well, such as 4GB; survives the process"),
    ] = None
    path: Annotated[
        Path | None, Meta(description="its folder on the disk; each camera has its own in it")
    ] = None


RingSize = Annotated[
    CameraRing,
    Meta(
        description="what it keeps for those who missed it: 64MB, or {memory, disk, path}",
        extra={"short": "memory"},
    ),
]


class CameraDefaults(Section, frozen=True, kw_only=True):
    """Inherited by every camera that can use the value, value by value."""

    size: Annotated[
        PictureSize | None,
        Meta(description="pixels, such as 1280x720; absent: what the source gives"),
    ] = None
    fps: Annotated[
        Fps | None,
        Meta(
            description="frames per second, at most, such as 10, or 1/10s for one in 10 seconds;"
            " absent: the source's own rate"
        ),
    ] = None
    quality: Annotated[Quality, Meta(description="JPEG quality, 1 to 100")] = 80
    stall_after: Annotated[
        Seconds | None,
        Meta(
            description="no frame for this long, such as 30s: the source is reopened;"
            " absent: what its rate says, at least 5s"
        ),
    ] = None
    ring: RingSize = CameraRing()
    trickle: Annotated[
        Trickle | None,
        Meta(description="a picture this often while nobody watches, such as 5s; null: none"),
    ] = 5.0
    rotate: Annotated[Literal[0, 90, 180, 270], Meta(description="degrees clockwise")] = 0
    flip: Annotated[
        Literal["none", "horizontal", "vertical"],
        Meta(description="mirrored left to right (horizontal) or upside down (vertical)"),
    ] = "none"
    broker: Annotated[
        Name | None, Meta(description="which of `brokers` it publishes to, where there are several")
    ] = None


class CameraBase(Section, frozen=True, kw_only=True):
    """What every camera has, whatever its source."""

    title: Annotated[
        Title | None, Meta(description="for people, in any script; absent: the name")
    ] = None
    host: Annotated[Host | None, Meta(description="where it runs; absent: the broker's host")] = (
        None
    )
    broker: Annotated[
        Name | None, Meta(description="which of `brokers` it publishes to, where there are several")
    ] = None
    fps: Annotated[
        Fps | None,
        Meta(
            description="frames per second, at most, such as 10, or 1/10s for one in 10 seconds;"
            " absent: the source's own rate"
        ),
    ] = None
    stall_after: Annotated[
        Seconds | None,
        Meta(
            description="no frame for this long, such as 30s: the source is reopened;"
            " absent: what its rate says, at least 5s"
        ),
    ] = None
    ring: RingSize = CameraRing()
    trickle: Annotated[
        Trickle | None,
        Meta(description="a picture this often while nobody watches, such as 5s; null: none"),
    ] = 5.0
    zones: Annotated[
        dict[Name, Polygon],
        Meta(description="parts of the picture that motion may ask for by name"),
    ] = {}
    masks: Annotated[
        dict[Name, Polygon], Meta(description="parts of the picture that motion never looks at")
    ] = {}


class EncodingCamera(CameraBase, frozen=True, kw_only=True):
    """A camera whose pictures are encoded here, so that they can also be changed here."""

    size: Annotated[
        PictureSize | None,
        Meta(description="pixels, such as 1280x720; absent: what the source gives"),
    ] = None
    quality: Annotated[Quality, Meta(description="JPEG quality, 1 to 100")] = 80
    rotate: Annotated[Literal[0, 90, 180, 270], Meta(description="degrees clockwise")] = 0
    flip: Annotated[
        Literal["none", "horizontal", "vertical"],
        Meta(description="mirrored left to right (horizontal) or upside down (vertical)"),
    ] = "none"
    privacy: Annotated[
        dict[Name, Polygon],
        Meta(description="parts painted black before encoding: nobody ever sees them"),
    ] = {}


class TestCamera(EncodingCamera, frozen=True, kw_only=True, tag_field="source", tag="test"):
    """A moving picture that shows its own sequence and time."""

    __test__ = False  # its name is the field's, not pytest's


class FileCamera(EncodingCamera, frozen=True, kw_only=True, tag_field="source", tag="file"):
    """A video file at its own pace; MJPEG passes through untouched unless it must be changed."""

    path: Annotated[Path, Meta(description="the video; relative: to this file's folder")]
    loop: Annotated[bool, Meta(description="start again at the end")] = False


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

    camera: Annotated[int, Meta(ge=0, le=7, description="which ribbon cable, from 0")] = 0
    controls: Annotated[
        dict[str, bool | int | float | str | tuple[float, ...]],
        Meta(description="libcamera controls, such as AfMode, as they are called there"),
    ] = {}


class RtspCamera(EncodingCamera, frozen=True, kw_only=True, tag_field="source", tag="rtsp"):
    """An RTSP stream, decoded and encoded again as JPEG; MJPEG goes through untouched."""

    url: Annotated[Secret, Meta(description="rtsp:// or rtsps://; masked wherever it is shown")]
    transport: Annotated[
        Literal["tcp", "udp"], Meta(description="asked for first; then the other")
    ] = "tcp"
    ca: CertificateAuthority = None
    fingerprint: Fingerprint = None
    verify: Verify = True


class HttpCamera(EncodingCamera, frozen=True, kw_only=True, tag_field="source", tag="http"):
    """An MJPEG stream, untouched, or a snapshot address asked at `fps`."""

    url: Annotated[Secret, Meta(description="http:// or https://; masked wherever it is shown")]
    snapshot: Annotated[bool, Meta(description="true: the address gives one JPEG per request")] = (
        False
    )
    ca: CertificateAuthority = None
    fingerprint: Fingerprint = None
    verify: Verify = True


class UpstreamCamera(CameraBase, frozen=True, kw_only=True, tag_field="source", tag="upstream"):
    """A camera of another site, taken from the broker there; there is no node to start."""

    upstream: Annotated[Name, Meta(description="which of `upstream` it is taken from")] = field(
        name="from"
    )
    camera: Annotated[
        Name | None, Meta(description="what it is called there; absent: the same")
    ] = None


class CustomCamera(CameraBase, frozen=True, kw_only=True, tag_field="source", tag="custom"):
    """Published by code of the owner's, with camfan.Publisher; there is no node to start."""


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

Cameras = tuple[Pattern, ...] | Literal["*"]
Role = Literal["viewer", "operator", "owner"]


class Keep(Section, frozen=True, kw_only=True):
    """How long recordings stay; whichever bites first."""

    age: Annotated[Seconds | None, Meta(description="such as 7d; older segments go")] = None
    size: Annotated[
        Bytes | None, Meta(description="such as 200GB, all cameras of the recorder together")
    ] = None
    min_free: Annotated[
        Bytes | None, Meta(description="such as 10GB, always left free on the disk")
    ] = None


class ClipKeep(Section, frozen=True, kw_only=True):
    """How long clips stay."""

    age: Annotated[Seconds | None, Meta(description="such as 30d; older clips go")] = None


class Clips(Section, frozen=True, kw_only=True):
    """Intervals around events, kept longer."""

    source: Annotated[
        tuple[Name, ...], Meta(min_length=1, description="the motion nodes whose events make clips")
    ] = field(name="from")
    before: Annotated[Seconds, Meta(description="such as 5s, kept from before the event")] = 5.0
    after: Annotated[Seconds, Meta(description="such as 5s, kept from after the event")] = 5.0
    keep: Annotated[ClipKeep, Meta(description="how long clips stay")] = ClipKeep()


class Recorder(Section, frozen=True, kw_only=True):
    """Writes the pictures of cameras to a disk, untouched."""

    host: Annotated[Host | None, Meta(description="where it runs; absent: the broker's host")] = (
        None
    )
    cameras: Annotated[
        Cameras, Meta(description="what it records: a list of names and globs, or *")
    ] = "*"
    path: Annotated[Path, Meta(description="folder of the recordings")]
    index: Annotated[
        Path | None,
        Meta(
            description="folder of index.sqlite, on a local disk; absent: `path`, which must then "
            "not be a network share"
        ),
    ] = None
    segment: Annotated[
        float,
        Meta(
            ge=1, le=86400, extra={"unit": "duration"}, description="length of a file, such as 60s"
        ),
    ] = 60.0
    sync: Annotated[
        float,
        Meta(
            ge=0.1,
            le=60,
            extra={"unit": "duration"},
            description="what a power cut costs at most, such as 5s",
        ),
    ] = 5.0
    keep: Annotated[Keep, Meta(description="how long recordings stay")] = Keep()
    clips: Annotated[Clips | None, Meta(description="intervals around events, kept longer")] = None


class Motion(Section, frozen=True, kw_only=True):
    """Turns pictures into events."""

    host: Annotated[Host | None, Meta(description="where it runs; absent: the broker's host")] = (
        None
    )
    cameras: Annotated[
        Cameras, Meta(description="what it watches: a list of names and globs, or *")
    ] = "*"
    fps: Annotated[float, Meta(gt=0, le=30, description="frames per second that it looks at")] = 5.0
    min_area: Annotated[
        Share, Meta(description="of the picture, such as 0.3%; smaller things are no motion")
    ] = 0.003
    threshold: Annotated[
        float,
        Meta(ge=2, le=128, description="grey levels, of 255, that a pixel must differ by at least"),
    ] = 12.0
    start_frames: Annotated[
        int, Meta(ge=1, le=30, description="frames with motion that begin an event")
    ] = 2
    start_window: Annotated[
        int, Meta(ge=1, le=30, description="out of how many frames start_frames are counted")
    ] = 3
    end_after: Annotated[
        float,
        Meta(gt=0, le=600, extra={"unit": "duration"}, description="of quiet that ends an event"),
    ] = 3.0
    absorb_after: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            extra={"unit": "duration"},
            description="about how long a thing at rest takes to become background",
        ),
    ] = 20.0
    zones: Annotated[
        dict[Name, tuple[Name, ...]],
        Meta(description="camera to the zones of it that count; absent: all of the picture"),
    ] = {}


class User(Section, frozen=True, kw_only=True):
    """Someone who may log in to the web pages."""

    password: Annotated[Secret, Meta(description="a hash, made by `camfan password`")]
    role: Annotated[
        Role, Meta(description="viewer: sees; operator: also sets; owner: also who is watching")
    ] = "viewer"
    cameras: Annotated[
        Cameras, Meta(description="what they may see: a list of names and globs, or *")
    ] = "*"


class Token(Section, frozen=True, kw_only=True):
    """A program that may read pictures and figures over HTTP."""

    token: Annotated[Secret, Meta(description="a hash, made by `camfan password --token`")]
    role: Annotated[
        Role, Meta(description="viewer: sees; operator: also sets; owner: also who is watching")
    ] = "viewer"
    cameras: Annotated[
        Cameras, Meta(description="what it may see: a list of names and globs, or *")
    ] = "*"


class Tls(Section, frozen=True, kw_only=True):
    """HTTPS without a proxy."""

    certificate: Annotated[Path, Meta(description="PEM, the whole chain")]
    key: Annotated[Path, Meta(description="PEM, not encrypted")]


class Web(Section, frozen=True, kw_only=True):
    """The pages with the live pictures and the recordings."""

    host: Annotated[Host | None, Meta(description="where it runs; absent: the broker's host")] = (
        None
    )
    listen: Annotated[Address, Meta(description="host:port; beyond loopback only with users")] = (
        "127.0.0.1:8080"
    )
    cameras: Annotated[
        Cameras, Meta(description="what is shown: a list of names and globs, or *")
    ] = "*"
    users: Annotated[dict[Name, User], Meta(description="who may log in, by name")] = {}
    tokens: Annotated[dict[Name, Token], Meta(description="other software, by name")] = {}
    tls: Annotated[Tls | None, Meta(description="HTTPS; absent: plain, or behind a proxy")] = None
    proxies: Annotated[
        tuple[str, ...],
        Meta(description="addresses or networks of proxies whose X-Forwarded-* is believed"),
    ] = ()
    state: Annotated[
        Path | None,
        Meta(description="folder for who is logged in; absent: that of the service or the user"),
    ] = None


class Upstream(Section, frozen=True, kw_only=True):
    """Another site, whose broker gives cameras to this one."""

    delivery: Annotated[
        str,
        Meta(
            pattern=r"^tcp://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}\Z",
            description="of the broker there, such as tcp://cabin.example:5552",
            extra={"words": "an address such as tcp://cabin.example:5552"},
        ),
    ]
    key: Annotated[
        Path | None, Meta(description="file of the secret key that the broker there lets in")
    ] = None
    server_key: Annotated[
        ServerKey | None, Meta(description="the public key of the broker there")
    ] = None


class Site(Section, frozen=True, kw_only=True):
    """Everything one site file describes."""

    version: Annotated[Literal[1], Meta(description="of this format")]
    site: Annotated[Name, Meta(description="what the site is called")]
    broker: Annotated[Broker, Meta(description="the process every frame passes through")] = Broker()
    brokers: Annotated[
        dict[Name, Broker], Meta(description="several of them by name, instead of `broker`")
    ] = {}
    security: Annotated[Security, Meta(description="keys, and who may do what")] = Security()
    defaults: Annotated[
        CameraDefaults, Meta(description="inherited by every camera, value by value")
    ] = CameraDefaults()
    upstream: Annotated[
        dict[Name, Upstream], Meta(description="other sites that cameras are taken from, by name")
    ] = {}
    cameras: Annotated[
        dict[Name, Camera], Meta(description="by name; names are unique in the site")
    ]
    recorders: Annotated[dict[Name, Recorder], Meta(description="by name")] = {}
    motion: Annotated[dict[Name, Motion], Meta(description="motion detectors, by name")] = {}
    web: Annotated[Web | None, Meta(description="absent: no web pages")] = None
