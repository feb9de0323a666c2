"""The connections to the web server: how long each may take, and how many there may be.

aiohttp bounds neither the time of a request's head nor the number of connections, so a thousand
silent sockets would block all other clients.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from camfan_wire.log_throttle import LogThrottle

log = logging.getLogger(__name__)

HEAD_S = 10.0  # from the connection to the end of the first request's head
NEXT_S = 75.0  # from a request's answer to the end of the next one's head
MOST = 4096  # connections in all
MOST_IDLE = 512  # of these, those that have not sent a whole request yet


class Endable(Protocol):
    """What counts as a connection."""

    network: str

    def abort(self) -> None: ...


class HttpConnections:
    """Counts them, and ends some when there are too many. Belongs to the event loop."""

    def __init__(self) -> None:
        self._open: set[Endable] = set()
        self._idle: dict[Endable, None] = {}  # no complete request yet; the oldest first
        self._kept: dict[Endable, None] = {}  # between two requests; the longest first
        self._warnings = LogThrottle()

    def opened(self, connection: Endable) -> None:
        self._open.add(connection)
        self._idle[connection] = None
        if len(self._idle) > MOST_IDLE:
            self._end_one(self._idle)
        elif len(self._open) > MOST:
            self._end_one(self._kept or self._idle)

    def asked(self, connection: Endable) -> None:
        """A complete request has come."""
        self._idle.pop(connection, None)
        self._kept.pop(connection, None)

    def answered(self, connection: Endable) -> None:
        if connection in self._open:
            self._kept[connection] = None

    def closed(self, connection: Endable) -> None:
        self._open.discard(connection)
        self.asked(connection)

    def warns_of(self, network: str) -> bool:
        """Whether a log line about it is due: any client that reaches the port can cause one."""
        return self._warnings.allows(network)

    def _end_one(self, some: Mapping[Endable, None]) -> None:
        """The first one of the address with the most of them."""
        addresses = Counter(connection.network for connection in some)
        busiest = addresses.most_common(1)[0][0] if addresses else None
        victim = next((one for one in some if one.network == busiest), None)
        if victim is None:
            return  # all are in use: pages, streams and requests have limits of their own
        self.closed(victim)
        if self.warns_of(victim.network):
            log.warning("%s: too many connections without a request; one ended", victim.network)
        victim.abort()


class HttpConnection(RequestHandler):
    """One connection, with a time limit for each head of a request."""

    __slots__ = ("_connections", "_deadline", "network")

    def __init__(self, connections: HttpConnections, server: web.Server) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), access_log=None)  # type: ignore[arg-type] # None: no log
        self._connections = connections
        self._deadline: asyncio.TimerHandle | None = None
        self.network = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.network = network_at(transport)
        self._wait(HEAD_S)
        self._connections.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._cancel()
        self._connections.closed(self)
        super().connection_lost(exc)

    def has_head(self) -> None:
        """The time for the rest of the request is limited elsewhere."""
        self._cancel()

    def has_request(self) -> None:
        """The request is complete and is being handled."""
        self._connections.asked(self)

    def done(self) -> None:
        """The request is answered, or its answer is being sent."""
        if self.transport is not None:
            self._connections.answered(self)
            self._wait(NEXT_S)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def log_exception(self, *args: Any, **more: Any) -> None:
        """What is not HTTP is an error of the client; not logged each time."""
        fault = more.get("exc_info")
        if isinstance(fault, ConnectionError) or not self._connections.warns_of(self.network):
            return  # it has disconnected
        if isinstance(fault, HttpProcessingError | web.RequestPayloadError):
            first = str(fault.__cause__ or fault).partition("\n")[0].rstrip(":")
            log.info("%s sent what is not an HTTP request: %s", self.network, first)
        else:
            super().log_exception(*args, **more)

    def _wait(self, seconds: float) -> None:
        self._cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.abort)

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def network_at(transport: asyncio.BaseTransport) -> str:
    """Of the other end; empty if it has disconnected already."""
    peer = transport.get_extra_info("peername")
    return network_of(str(peer[0])) if isinstance(peer, tuple) else ""


def network_of(address: str) -> str:
    """What counts as one origin: an IPv4 address, or the /64 from which an IPv6 host chooses."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
