"""The errors a user of the library can meet; all are CamfanError.

Besides these: SiteError for the site file, WireError for a JPEG that may not be published, and
Python's own TimeoutError from `Subscriber.read`.
"""

from __future__ import annotations

from camfan_config.errors import CamfanError


class UnknownCameraError(CamfanError):
    """No camera of the site has this name or matches this glob."""


class RefusedError(CamfanError):
    """The broker refused what was asked; the message is the broker's reason."""


class AlreadyPublishedError(RefusedError):
    """Another process publishes this camera; the message says which one."""


class NotCustomError(CamfanError):
    """The camera is not `source: custom`: its frames come from its own node."""


class ImageError(CamfanError):
    """The JPEG of this frame cannot be decoded. The frame itself is fine to pass on."""


class ClosedError(CamfanError):
    """This object was closed."""


class KeyMissingError(CamfanError):
    """A site with keys cannot be reached without one's own."""


class EndpointError(CamfanError):
    """Neither a site file nor an address such as tcp://hub.local:5552."""
