"""Errors about bytes that came from outside."""

from camfan_config.errors import CamfanError


class WireError(CamfanError):
    """Bytes from the network that violate the protocol.

    `reason` is one of a few fixed words, by which rejections are counted. `about` is the type of
    the rejected message, where the peer has to know it.
    """

    def __init__(self, reason: str, message: str, *, about: str = "message") -> None:
        super().__init__(message)
        self.reason = reason
        self.about = about


class NotUprightError(WireError, ValueError):
    """A JPEG that decoders would rotate by its EXIF orientation; a frame must be upright."""

    def __init__(self, orientation: int) -> None:
        super().__init__(
            "not-upright",
            f"a JPEG with EXIF orientation {orientation}: some programs would rotate it, others"
            " not; rotate its pixels and remove the orientation, as `camfan.upright(jpeg)` does",
        )
