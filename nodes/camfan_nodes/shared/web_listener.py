"""The listening socket of an HTTP server, and its connections until TLS is agreed on."""

from __future__ import annotations

import asyncio
import os
import ssl

from aiohttp import web

from camfan_config import CamfanError
from camfan_config.text.units import parse_address
from camfan_config.types import Tls
from camfan_nodes.shared.connections import HttpConnection, HttpConnections, network_at

HANDSHAKE_S = 10.0  # of TLS


class ListenError(CamfanError):
    """An HTTP server cannot listen where it should, or its certificate cannot be used."""


class TlsHandshake(asyncio.Protocol):
    """A connection until TLS is agreed on: it counts as one without a request."""

    def __init__(
        self, connections: HttpConnections, server: web.Server, context: ssl.SSLContext
    ) -> None:
        self._connections = connections
        self._server = server
        self._context = context
        self._early: list[bytes] = []  # arrived together with the end of the handshake
        self.network = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.network = network_at(transport)
        self._connections.opened(self)
        self._agreeing = asyncio.get_running_loop().create_task(self._agree())

    def data_received(self, data: bytes) -> None:
        self._early.append(data)

    def abort(self) -> None:
        self._transport.abort()

    async def _agree(self) -> None:
        try:
            secured = await asyncio.get_running_loop().start_tls(
                self._transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_S,
            )
        except OSError:  # it disconnected, took too long, or does not speak TLS
            self._transport.abort()
            return
        finally:
            self._connections.closed(self)
        if secured is not None and not secured.is_closing():
            self._hand_over(secured)

    def _hand_over(self, secured: asyncio.Transport) -> None:
        following = HttpConnection(self._connections, self._server)
        secured.set_protocol(following)
        following.connection_made(secured)
        for data in self._early:
            following.data_received(data)


class WebListener(web.BaseSite):
    """Listens until its runner ends."""

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
        connections, tls = HttpConnections(), self._tls

        def connection() -> asyncio.Protocol:
            if tls is None:
                return HttpConnection(connections, server)
            return TlsHandshake(connections, server, tls)

        host, port = self._address
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(connection, host, port, backlog=128)


async def listen(runner: web.AppRunner, where: str, tls: ssl.SSLContext | None) -> str:
    """Listen on host:port until the runner ends; its URL. Raises ListenError."""
    host, port = parse_address(where)
    try:
        await WebListener(runner, host, port, tls).start()
    except OSError as exc:
        raise ListenError(f"cannot listen on {where}: {_why(exc)}") from exc
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{shown}:{port}"


def tls_context(section: Tls | None, where: str) -> ssl.SSLContext | None:
    """`where` it stands in the site file. Raises ListenError."""
    if section is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(section.certificate, section.key, password="")
    except (OSError, ssl.SSLError, ValueError) as exc:
        files = f"{section.certificate} and {section.key}"
        raise ListenError(f"{where}: {files} are not a certificate and its key: {exc}") from exc
    return context


def _why(error: OSError) -> str:
    """The system's text; asyncio's repeats the address."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
