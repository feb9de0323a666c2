"""Everything that one site file describes."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from camfan_config.types.broker import Broker, Upstream
from camfan_config.types.camera import CameraDefaults
from camfan_config.types.motion import Motion
from camfan_config.types.recorder import Recorder
from camfan_config.types.section import Section
from camfan_config.types.security import Security
from camfan_config.types.sources import Camera
from camfan_config.types.values import Name
from camfan_config.types.web import Web


class Site(Section, frozen=True, kw_only=True):
    """Everything one site file describes."""

    version: Annotated[Literal[1], Meta(description="of this format")]
    site: Annotated[Name, Meta(description="what the site is called")]
    broker: Annotated[Broker, Meta(description="the process that all frames pass")] = Broker()
    brokers: Annotated[
        dict[Name, Broker], Meta(description="several of them by name, instead of `broker`")
    ] = {}
    security: Annotated[Security, Meta(description="keys and permissions")] = Security()
    defaults: Annotated[
        CameraDefaults, Meta(description="inherited by every camera, key by key")
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
