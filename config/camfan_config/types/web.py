"""The web pages, and the users and programs that may log in."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from camfan_config.types.section import Section
from camfan_config.types.values import Address, Cameras, Host, Name, Path, Role, Secret


class User(Section, frozen=True, kw_only=True):
    """A person that may log in to the web pages."""

    password: Annotated[Secret, Meta(description="a hash, made by `camfan password`")]
    role: Annotated[
        Role,
        Meta(description="viewer: watch; operator: also change cameras; owner: also see users"),
    ] = "viewer"
    cameras: Annotated[
        Cameras, Meta(description="what they may see: a list of names and globs, or *")
    ] = "*"


class Token(Section, frozen=True, kw_only=True):
    """A program that may read pictures and figures over HTTP."""

    token: Annotated[Secret, Meta(description="a hash, made by `camfan password --token`")]
    role: Annotated[
        Role,
        Meta(description="viewer: watch; operator: also change cameras; owner: also see users"),
    ] = "viewer"
    cameras: Annotated[
        Cameras, Meta(description="what it may see: a list of names and globs, or *")
    ] = "*"


class Tls(Section, frozen=True, kw_only=True):
    """HTTPS without a proxy."""

    certificate: Annotated[Path, Meta(description="PEM, the whole chain")]
    key: Annotated[Path, Meta(description="PEM, not encrypted")]


class Web(Section, frozen=True, kw_only=True):
    """The pages with the live pictures and the recordings."""

    host: Annotated[Host | None, Meta(description="where it runs; absent: the broker's host")] = (
        None
    )
    listen: Annotated[Address, Meta(description="host:port; beyond loopback only with users")] = (
        "127.0.0.1:8080"
    )
    cameras: Annotated[
        Cameras, Meta(description="what is shown: a list of names and globs, or *")
    ] = "*"
    users: Annotated[dict[Name, User], Meta(description="people that may log in, by name")] = {}
    tokens: Annotated[dict[Name, Token], Meta(description="other software, by name")] = {}
    tls: Annotated[Tls | None, Meta(description="HTTPS; absent: plain, or behind a proxy")] = None
    proxies: Annotated[
        tuple[str, ...],
        Meta(description="addresses or networks of proxies whose X-Forwarded-* is trusted"),
    ] = ()
    state: Annotated[
        Path | None,
        Meta(description="folder of the logins; absent: that of the service or the user"),
    ] = None
