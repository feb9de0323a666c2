"""Logging in and out.

The answer does not reveal whether the name or the password was wrong, nor which names exist, and
takes the same time for all of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from camfan_config import is_loopback
from camfan_nodes.shared.connections import network_of
from camfan_nodes.shared.http_values import json_response
from camfan_nodes.web.attempts import Attempts
from camfan_nodes.web.guard import COOKIE, Guard
from camfan_nodes.web.passwords import verify_password
from camfan_nodes.web.principals import Principals
from camfan_nodes.web.request_values import body_of
from camfan_nodes.web.sessions import IDLE_S, Sessions

log = logging.getLogger(__name__)

LONGEST = 1024  # characters of a name or a password
WAITING = 32  # logins being verified or waiting for it; more get 429
WAITING_OF_ONE = 4  # of these, from one network or browser
BROWSER = "camfan-browser"  # the cookie of a browser that has logged in before
BROWSER_S = 400 * 86_400  # what browsers allow at most
LOOPBACK = "address of this machine"


class Credentials(Struct, frozen=True):
    """The body of a login."""

    name: Annotated[str, Meta(max_length=LONGEST)]
    password: Annotated[str, Meta(max_length=LONGEST)]


class LoggedIn(Struct, frozen=True):
    """The answer to a login that succeeded."""

    user: str


class LoggedOut(Struct, frozen=True):
    """The answer to a logout."""


class LoginRefusal(Struct, frozen=True):
    """The answer to a login that failed, or came too soon."""

    error: str
    left: int  # tries before a wait


class LoginApi:
    """Handlers of `/api/login` and `/api/logout`."""

    def __init__(
        self,
        access: Principals,
        sessions: Sessions,
        guard: Guard,
        logged_out: Callable[[], None],
    ) -> None:
        self._access = access
        self._sessions = sessions
        self._guard = guard
        self._logged_out = logged_out
        self._attempts = Attempts()
        self._verifier = ThreadPoolExecutor(1, thread_name_prefix="login")  # 32 MB and a core, once
        self._waiting: Counter[str] = Counter()  # by origin

    async def login(self, request: web.Request) -> web.Response:
        """POST, JSON: name, password. Answers 200, 401 or 429."""
        credentials = body_of(request, Credentials)
        name, password = credentials.name, credentials.password
        keys = self._keys(request, name)
        wait_s = self._attempts.wait_s(*keys)
        if wait_s > 0:
            return _later(wait_s)
        if self._waiting[keys[0]] >= WAITING_OF_ONE or self._waiting.total() >= WAITING:
            return _later(1.0)
        self._attempts.failed(
            *keys
        )  # before verifying, so that many at once do not evade the limit
        if not await self._verify(name, password, keys[0]):
            left = self._attempts.left(*keys)
            log.warning("login: wrong name or password, from %s", keys[0])
            return json_response(LoginRefusal(_wrong(left), left), status=401)
        self._attempts.succeeded(*keys)
        response = json_response(LoggedIn(name))
        hashed, _ = self._access.password_hash(name)
        self._set_cookie(request, response, COOKIE, self._sessions.begin(name, hashed))
        if len(keys) > 1 or keys[0] == LOOPBACK:  # this browser is not known yet
            known = self._sessions.remember_browser(name)
            self._set_cookie(request, response, BROWSER, known)
        return response

    def _keys(self, request: web.Request, name: str) -> tuple[str, ...]:
        """The keys that failures are counted by; the first is their origin.

        A browser that its user has logged in with before, and this machine itself, have keys of
        their own: failures of other clients do not lock them out.
        """
        cookie = request.cookies.get(self._guard.cookie_name(request, BROWSER))
        if cookie is not None and self._sessions.knows_browser(cookie, name):
            return (f"browser {hashlib.sha256(cookie.encode()).hexdigest()}",)
        client = self._guard.proxies.origin(request).client
        if is_loopback(client) and "X-Forwarded-For" not in request.headers:
            return (LOOPBACK,)
        return (f"address {network_of(client)}", f"name {name}")

    def _set_cookie(
        self, request: web.Request, response: web.Response, what: str, value: str
    ) -> None:
        response.set_cookie(
            self._guard.cookie_name(request, what),
            value,
            max_age=IDLE_S if what == COOKIE else BROWSER_S,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=self._guard.is_secure(request),
        )

    async def logout(self, request: web.Request) -> web.Response:
        name = self._guard.cookie_name(request)
        cookie = request.cookies.get(name)
        if cookie is not None:
            self._sessions.end(cookie)
            self._logged_out()
        response = json_response(LoggedOut())
        response.del_cookie(
            name, path="/", secure=self._guard.is_secure(request), httponly=True, samesite="Lax"
        )
        return response

    def close(self) -> None:
        self._verifier.shutdown(wait=False, cancel_futures=True)

    async def _verify(self, name: str, password: str, origin: str) -> bool:
        if not self._access.web.users:
            return False
        hashed, may = self._access.password_hash(name)
        self._waiting[origin] += 1
        try:
            loop = asyncio.get_running_loop()
            right = await loop.run_in_executor(self._verifier, verify_password, password, hashed)
        finally:
            self._waiting[origin] -= 1
            if not self._waiting[origin]:
                del self._waiting[origin]
        return right and may


def _wrong(left: int) -> str:
    tries = "1 more try" if left == 1 else f"{left} more tries"
    rest = f"{tries} before a wait of one minute" if left else "Wait one minute"
    return f"That name and password do not match. {rest}."


def _later(wait_s: float) -> web.Response:
    seconds = max(1, round(wait_s))
    text = f"Too many tries. Wait {seconds} s."
    return json_response(LoginRefusal(text, 0), 429, {"Retry-After": str(seconds)})
