"""The connections to the web server: how long each may take, and how many there may be.

aiohttp bounds neither the time of a request's head nor the number of connections, so a thousand
sockets that say nothing would keep everybody else out.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from camfan_nodes.web.attempts import network_of
from camfan_wire.occasional import Occasional

log = logging.getLogger(__name__)

HEAD_S = 10.0  # from the connection to the end of the first request's head
NEXT_S = 75.0  # from a request's answer to the end of the next one's head
HANDSHAKE_S = 10.0  # of TLS
MOST = 4096  # connections in all
MOST_IDLE = 512  # of these, those that have not sent a whole request yet


class Connections:
    """Makes the protocol of each connection. Belongs to the event loop."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._open: set[Bounded] = set()
        self._idle: dict[Bounded, None] = {}  # the oldest first
        self._warnings = Occasional()
        self.ended = 0  # because there were too many, or because they took too long

    def __call__(self) -> Bounded:
        return Bounded(self, self._server)

    def opened(self, connection: Bounded) -> None:
        self._open.add(connection)
        self._idle[connection] = None
        if len(self._idle) > MOST_IDLE or len(self._open) > MOST:
            self._end_one()

    def asked(self, connection: Bounded) -> None:
        """A whole head has come."""
        self._idle.pop(connection, None)

    def closed(self, connection: Bounded) -> None:
        self._open.discard(connection)
        self._idle.pop(connection, None)

    def too_slow(self, connection: Bounded) -> None:
        self.ended += 1
        connection.abort()

    def _end_one(self) -> None:
        """The oldest idle connection of the address that has most of them."""
        addresses = Counter(connection.network for connection in self._idle)
        busiest = addresses.most_common(1)[0][0] if addresses else None
        victim = next((one for one in self._idle if one.network == busiest), None)
        if victim is None:
            return  # all of them are in use: the system's limit on descriptors is the next bound
        self.ended += 1
        if self._warnings.allows(victim.network):
            log.warning("%s: too many connections without a request; one ended", victim.network)
        victim.abort()


class Bounded(RequestHandler):
    """One connection, with a time limit for each head of a request."""

    __slots__ = ("_deadline", "_owner", "network")

    def __init__(self, owner: Connections, server: web.Server) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), access_log=None)  # type: ignore[arg-type] # None: no log
        self._owner = owner
        self._deadline: asyncio.TimerHandle | None = None
        self.network = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.network = network_of(str(peer[0])) if isinstance(peer, tuple) else ""
        self._wait(HEAD_S)
        self._owner.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._cancel()
        self._owner.closed(self)
        super().connection_lost(exc)

    def began(self) -> None:
        """A request is being handled."""
        self._cancel()
        self._owner.asked(self)

    def done(self) -> None:
        """It is answered, or its answer is on its way."""
        self._wait(NEXT_S)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _wait(self, seconds: float) -> None:
        self._cancel()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(seconds, self._owner.too_slow, self)

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Listener(web.BaseSite):
    """Where the server listens; ends with its runner."""

    def __init__(
        self, runner: web.AppRunner, host: str, port: int, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(runner, ssl_context=tls)
        self._address = host, port
        self._tls = tls

    @property
    def name(self) -> str:
        return f"{self._address[0]}:{self._address[1]}"

    async def start(self) -> None:
        """Raises OSError."""
        server = self._runner.server
        assert server is not None, "the runner is set up first"
        await super().start()
        self.connections = Connections(server)
        host, port = self._address
        self._server = await asyncio.get_running_loop().create_server(
            self.connections,
            host,
            port,
            ssl=self._tls,
            ssl_handshake_timeout=None if self._tls is None else HANDSHAKE_S,
            backlog=128,
        )
