"""What is wrong with bytes that came from outside."""

from camfan_config.errors import CamfanError


class WireError(CamfanError):
    """Bytes from the network that are not what the protocol says.

    `reason` is one of a few fixed words, so that refusals can be counted by reason. `about` is the
    type of the message that is refused, where the peer has to know it.
    """

    def __init__(self, reason: str, message: str, *, about: str = "message") -> None:
        super().__init__(message)
        self.reason = reason
        self.about = about


class NotUprightError(WireError, ValueError):
    """A picture that decoders would turn by its EXIF orientation; a frame must be upright."""

    def __init__(self, orientation: int) -> None:
        super().__init__(
            "not-upright",
            f"a JPEG with EXIF orientation {orientation}: some programs would show it turned,"
            " others not; turn its pixels upright and leave the orientation out, as"
            " `camfan.upright(jpeg)` does",
        )
