"""Brokers of a site, and other sites that cameras are taken from."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from camfan_config.types.section import Section
from camfan_config.types.values import Address, Bytes, Host, Path, Port, ServerKey


class Ports(Section, frozen=True, kw_only=True):
    """TCP ports of the broker."""

    ingest: Annotated[Port, Meta(description="cameras publish here")] = 5550
    fanout: Annotated[Port, Meta(description="any ZeroMQ SUB socket reads here")] = 5551
    delivery: Annotated[Port, Meta(description="nodes and the Subscriber class talk here")] = 5552


class Broker(Section, frozen=True, kw_only=True):
    """The process that every frame passes through."""

    host: Annotated[Host, Meta(description="the address that all clients connect to")] = "127.0.0.1"
    ports: Annotated[Ports, Meta(description="the three ports of the broker")] = Ports()
    http: Annotated[
        Address | None, Meta(description="host:port of health and metrics; null: none")
    ] = "127.0.0.1:5580"
    memory: Annotated[Bytes, Meta(description="of the broker, rings included, such as 512MB")] = (
        512_000_000
    )


class Upstream(Section, frozen=True, kw_only=True):
    """Another site, whose broker provides cameras to this one."""

    delivery: Annotated[
        str,
        Meta(
            pattern=r"^tcp://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}\Z",
            description="of the broker there, such as tcp://cabin.example:5552",
            extra={"words": "an address such as tcp://cabin.example:5552"},
        ),
    ]
    key: Annotated[
        Path | None, Meta(description="file of a secret key that the broker there accepts")
    ] = None
    server_key: Annotated[
        ServerKey | None, Meta(description="the public key of the broker there")
    ] = None
