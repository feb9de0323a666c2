"""What is wrong with bytes that came from outside."""

from camfan_config.errors import CamfanError


class WireError(CamfanError):
    """Bytes from the network that are not what the protocol says.

    `reason` is one of a few fixed words, so that refusals can be counted by reason.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
