"""Addresses of network cameras, and how to name them without their passwords."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

_SAFE = "".join({chr(code) for code in range(0x21, 0x7F)} - {"#"})  # of a target: as it is written


@dataclass(frozen=True, slots=True)
class Address:
    """A camera's URL in parts; `shown` is what may stand in a log, a status or an error."""

    shown: str
    scheme: str
    host: str
    port: int | None
    bare: str = field(repr=False)  # without user and password
    target: str = field(repr=False)  # path and query, as a request line has them
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)

    @property
    def place(self) -> str:
        """Host and port, as a `Host` line has them: without the zone of an IPv6 address."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    def through(self, place: str) -> str:
        """The URL that leads to the same target in the clear by another host and port."""
        login = "" if self.user is None else quote(self.user, safe="")
        login += "" if self.password is None else f":{quote(self.password, safe='')}"
        return f"rtsp://{login}{'' if self.user is None else '@'}{place}{self.target}"


def read_address(url: str) -> Address:
    """Raises ValueError for a URL without a host, or with a port that cannot be."""
    parts = urlsplit(url, allow_fragments=False)  # a # is a letter of a password in the query
    if not parts.hostname:
        raise ValueError("an address needs a host")
    name = parts.hostname
    if ":" in name:
        name = name.replace("%25", "%")  # before the zone of a link-local address
    host = f"[{name}]" if ":" in name else name
    place = f"{host}:{parts.port}" if parts.port else host
    # Many a camera wants its password in the path or the query.
    rest = "/…" if parts.path not in ("", "/") or parts.query else ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(
        shown=f"{parts.scheme}://{place}{rest}",
        scheme=parts.scheme,
        host=name,
        port=parts.port,
        bare=urlunsplit((parts.scheme, place, parts.path or "/", parts.query, "")),
        target=quote(target, safe=_SAFE),
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def redirected(address: Address, location: str) -> Address:
    """Where a redirect leads; users and passwords in it are ignored. Raises ValueError.

    `location` is in Latin-1, which keeps the bytes of the camera.
    """
    written = location.strip().partition("#")[0].encode("latin-1", "replace")
    return read_address(urljoin(address.bare, quote(written, safe=_SAFE)))
