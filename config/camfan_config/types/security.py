"""Keys, rights and limits."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from camfan_config.types.section import Section
from camfan_config.types.values import Name, Path, Pattern, ServerKey


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
