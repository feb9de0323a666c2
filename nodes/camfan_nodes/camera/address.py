"""Addresses of network cameras, and how to name them without their passwords."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class Address:
    """A camera's URL in parts; `shown` is what may stand in a log, a status or an error."""

    shown: str
    host: str
    port: int | None
    bare: str = field(repr=False)  # without user and password
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)


def read_address(url: str) -> Address:
    """Raises ValueError for a URL without a host."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("an address needs a host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = f"{host}:{parts.port}" if parts.port else host
    # Many a camera wants its password in the path or the query.
    rest = "/…" if parts.path not in ("", "/") or parts.query else ""
    return Address(
        shown=f"{parts.scheme}://{place}{rest}",
        host=parts.hostname,
        port=parts.port,
        bare=urlunsplit((parts.scheme, place, parts.path or "/", parts.query, "")),
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )
