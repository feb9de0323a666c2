"""What single values of a site file may be."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from camfan_config.names import NAME_PATTERN

Name = Annotated[
    str,
    Meta(
        pattern=rf"^{NAME_PATTERN}\Z",
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


class Size(Struct, frozen=True):
    """Pixels; `1280x720` in the file."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


PictureSize = Annotated[Size, Meta(extra={"unit": "size"})]
Cameras = tuple[Pattern, ...] | Literal["*"]
Role = Literal["viewer", "operator", "owner"]
