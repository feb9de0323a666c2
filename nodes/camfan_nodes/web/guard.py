"""Checks of every request: its origin, its user or token, and the headers of its answer.

A page of another site gets nothing: no request that changes anything, no WebSocket, no frame that
its scripts could read. Without users the server answers only to names of this machine, so that a
foreign DNS name cannot be pointed at it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from camfan_config import Web, is_loopback
from camfan_nodes.shared.connections import HttpConnection
from camfan_nodes.web.principals import Principal, Principals
from camfan_nodes.web.request_values import PRINCIPAL
from camfan_nodes.web.sessions import Sessions

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

COOKIE = "camfan"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; manifest-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-site",
}


ONLY_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}
BODY_S = 30.0  # for the body of a request that changes something


@dataclass(frozen=True, slots=True)
class ClientOrigin:
    """How the client reached this server, as it or a trusted proxy reports."""

    scheme: str
    host: str  # with its port, if given
    client: str  # its address
    proxied: bool


class Proxies:
    """The proxies whose X-Forwarded-* headers are trusted."""

    def __init__(self, section: Web) -> None:
        self._networks = [ipaddress.ip_network(one) for one in section.proxies]

    def origin(self, request: web.Request) -> ClientOrigin:
        peer = request.remote or ""
        if not self._trusted(peer):
            return ClientOrigin(request.scheme, host_of(request), peer, proxied=False)
        return ClientOrigin(
            _said(request, "X-Forwarded-Proto").rpartition(",")[2].strip() or request.scheme,
            _said(request, "X-Forwarded-Host").rpartition(",")[2].strip() or host_of(request),
            self._client(_said(request, "X-Forwarded-For"), peer),
            proxied=True,
        )

    def _client(self, forwarded: str, peer: str) -> str:
        """The last address of the chain that is not a trusted proxy."""
        for one in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
            peer = one
            if not self._trusted(one):
                break
        return peer

    def _trusted(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)


class Guard:
    """The middleware."""

    def __init__(self, access: Principals, sessions: Sessions) -> None:
        self._access = access
        self._sessions = sessions
        self.proxies = Proxies(access.web)
        self._names = {socket.gethostname().lower(), socket.getfqdn().lower()}

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = request.protocol
        if not isinstance(connection, HttpConnection):
            return await self._answer(request, handler)
        connection.has_head()
        try:
            return await self._answer(request, handler)
        finally:
            connection.done()

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._check_name(request)
            if request.method not in SAFE_METHODS:
                self.check_origin(request)
            principal = self.principal(request)
            if principal is not None:
                request[PRINCIPAL] = principal
            await _body_of(request)
            if isinstance(request.protocol, HttpConnection):
                request.protocol.has_request()
            response = await handler(request)
        except web.HTTPException as exc:
            exc.headers.update(headers_for(request))
            raise
        if not response.prepared:
            response.headers.update(headers_for(request))
        return response

    def principal(self, request: web.Request) -> Principal | None:
        """The user or token of a request; None: it must log in."""
        if self._access.open:
            return self._access.anybody()
        secret = _token_of(request)
        if secret is not None:
            return self._access.token(secret)
        cookie = request.cookies.get(self.cookie_name(request))
        session = None if cookie is None else self._sessions.find(cookie)
        if session is None:
            return None
        principal = self._access.user(session.user)
        if principal is None:  # no longer in the site file
            return None
        hashed, _ = self._access.password_hash(session.user)
        return principal if self._sessions.proves(session, hashed) else None

    def is_still_in(self, request: web.Request) -> bool:
        """Whether the login or token of an open request is still valid."""
        return self.principal(request) is not None

    def check_origin(self, request: web.Request) -> None:
        """Raises HTTPForbidden for a request that a page of another site makes a browser send."""
        said = request.headers.get("Origin")
        if said is None:
            if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
                raise web.HTTPForbidden(text="This request comes from a page of another site.\n")
            return
        origin = self.proxies.origin(request)
        if said.lower() != f"{origin.scheme}://{origin.host}".lower():
            raise web.HTTPForbidden(
                text=f"This request comes from a page of {said[:100]!r}, and here is "
                f"{origin.scheme}://{origin.host}. Behind a proxy, name it in web.proxies.\n"
            )

    def is_secure(self, request: web.Request) -> bool:
        return self.proxies.origin(request).scheme == "https"

    def cookie_name(self, request: web.Request, what: str = COOKIE) -> str:
        """`__Host-` makes browsers reject a cookie that another host of the domain has set."""
        if self.is_secure(request):
            return f"__Host-{what}"
        host = host_of(request)
        port = (host.rpartition(":")[2] if ":" in host else "80").strip("]")
        return f"{what}-{port}"  # cookies are shared between the ports of a host

    def _check_name(self, request: web.Request) -> None:
        if not self._access.open:
            return  # also behind a proxy: it connects to a name of this machine
        name = _host_name(host_of(request))
        if not (self._is_ours(name)):
            raise web.HTTPMisdirectedRequest(
                text=f"{name[:100]!r} is not a name of this machine. Without web.users it "
                "answers to localhost, its addresses and its own name only.\n"
            )

    def _is_ours(self, name: str) -> bool:
        """Not a name of the internet, which its owner can point here: those have a dot."""
        if is_loopback(name) or name in self._names or name.endswith((".local", ".localhost")):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return "." not in name
        return True


async def _body_of(request: web.Request) -> None:
    """Waits for the body of a request that changes something; the request keeps it.

    Raises HTTPRequestTimeout, HTTPBadRequest and HTTPRequestEntityTooLarge.
    """
    if request.method in SAFE_METHODS:
        return
    try:
        async with asyncio.timeout(BODY_S):
            await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the request was not complete in time\n") from None
    except web.RequestPayloadError:
        raise web.HTTPBadRequest(text="the body of the request cannot be read\n") from None


def headers_for(request: web.Request) -> dict[str, str]:
    """A frame that was requested with a token may be shown in a page of another site."""
    if "token" in request.query:
        return {**HEADERS, "Cross-Origin-Resource-Policy": "cross-origin"}
    return HEADERS if request.scheme != "https" else {**HEADERS, **ONLY_HTTPS}


def _token_of(request: web.Request) -> str | None:
    """The token: in the header, in the address, or as a password."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return secret.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(secret, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return request.query.get("token")


def host_of(request: web.Request) -> str:
    """The name in the Host header; aiohttp would ask a name server if there is none."""
    return request.headers.get("Host", "")


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:  # half of an IPv6 address
        return host.lower()


def _said(request: web.Request, header: str) -> str:
    """All lines of a header as one list; the nearest proxy is the last."""
    return ",".join(request.headers.getall(header, ()))
