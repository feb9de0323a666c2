"""camfan for your own code: read the newest frame, or every frame, of any camera of a site.

>>> from camfan import Subscriber
>>> with Subscriber("site.yaml", cameras=["driveway"]) as frames:  # doctest: +SKIP
...     for frame in frames:
...         print(frame.sequence, frame.age, frame.image().shape)
"""

from camfan.errors import (
    AlreadyPublishedError,
    ClosedError,
    EndpointError,
    ImageError,
    KeyMissingError,
    NotCustomError,
    RefusedError,
    UnknownCameraError,
)
from camfan.event_publisher import EventPublisher
from camfan.event_subscriber import EventSubscriber
from camfan.frame import Age, Frame
from camfan.publisher import Publisher
from camfan.subscriber import Subscriber
from camfan.upright import upright
from camfan_config import Site, SiteError, load_site
from camfan_config.errors import CamfanError
from camfan_wire.errors import NotUprightError, WireError
from camfan_wire.header import Position
from camfan_wire.keys import KeyFileError
from camfan_wire.link import Report
from camfan_wire.messages import Event, Gap, Status

__all__ = [
    "Age",
    "AlreadyPublishedError",
    "CamfanError",
    "ClosedError",
    "EndpointError",
    "Event",
    "EventPublisher",
    "EventSubscriber",
    "Frame",
    "Gap",
    "ImageError",
    "KeyFileError",
    "KeyMissingError",
    "NotCustomError",
    "NotUprightError",
    "Position",
    "Publisher",
    "RefusedError",
    "Report",
    "Site",
    "SiteError",
    "Status",
    "Subscriber",
    "UnknownCameraError",
    "WireError",
    "load_site",
    "upright",
]
