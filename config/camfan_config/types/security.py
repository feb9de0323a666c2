"""Keys, rights and limits."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from camfan_config.types.section import Section
from camfan_config.types.values import Name, Path, Pattern, ServerKey


class Access(Section, frozen=True, kw_only=True):
    """What a key that does not belong to a node may do."""

    view: Annotated[
        tuple[Pattern, ...] | Literal["*"],
        Meta(description="the cameras it may see: a list of names and globs, or *"),
    ] = ()
    publish_events: Annotated[bool, Meta(description="whether it may publish events")] = False
    control: Annotated[
        bool, Meta(description="whether it may change cameras, trace frames and reload files")
    ] = False


class Limits(Section, frozen=True, kw_only=True):
    """Limits for one client, or for all of them, of the broker."""

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
    """Keys and permissions; without keys, a site stays on one machine."""

    keys: Annotated[
        Path | None,
        Meta(description="folder of public keys, one NAME.pub each; absent: loopback only"),
    ] = None
    server_key: Annotated[
        ServerKey | None,
        Meta(description="the broker's public key, as `camfan keys new` writes it here"),
    ] = None
    insecure: Annotated[
        bool,
        Meta(description="true: listen beyond loopback without keys, with warnings"),
    ] = False
    access: Annotated[
        dict[Name, Access],
        Meta(description="what keys that do not belong to a node may do, by name"),
    ] = {}
    limits: Annotated[Limits, Meta(description="limits for each client of the broker")] = Limits()
