"""Logging in and out.

The answer says neither whether the name or the password was wrong, nor which names there are, and
takes as long for all of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from camfan_nodes.web.access import Access
from camfan_nodes.web.attempts import Attempts
from camfan_nodes.web.guard import Guard
from camfan_nodes.web.passwords import verify_password
from camfan_nodes.web.sessions import IDLE_S, Sessions

log = logging.getLogger(__name__)

LONGEST = 1024  # letters of a name or a password
WAITING = 8  # logins being verified or waiting for it; more are told to come again


class Login:
    """Handlers of `/api/login` and `/api/logout`."""

    def __init__(
        self,
        access: Access,
        sessions: Sessions,
        guard: Guard,
        logged_out: Callable[[str], None],
    ) -> None:
        self._access = access
        self._sessions = sessions
        self._guard = guard
        self._logged_out = logged_out
        self._attempts = Attempts()
        self._verifier = ThreadPoolExecutor(1, thread_name_prefix="login")  # 32 MB and a core, once
        self._waiting = 0

    async def login(self, request: web.Request) -> web.Response:
        """POST, JSON: name, password. Answers 200, 401 or 429."""
        name, password = await _credentials(request)
        keys = (f"address {self._guard.proxies.origin(request).client}", f"name {name}")
        wait_s = self._attempts.wait_s(*keys)
        if wait_s > 0:
            return _later(wait_s)
        if self._waiting >= WAITING:
            return _later(1.0)
        self._attempts.failed(*keys)  # before verifying: many at once are no way around it
        if not await self._verify(name, password):
            left = self._attempts.left(*keys)
            log.warning("login: wrong name or password, from %s", keys[0])
            return web.json_response({"error": _wrong(left), "left": left}, status=401)
        self._attempts.succeeded(*keys)
        response = web.json_response({"user": name})
        hashed, _ = self._access.password_hash(name)
        response.set_cookie(
            self._guard.cookie_name(request),
            self._sessions.begin(name, hashed),
            max_age=IDLE_S,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=self._guard.is_secure(request),
        )
        return response

    async def logout(self, request: web.Request) -> web.Response:
        name = self._guard.cookie_name(request)
        cookie = request.cookies.get(name)
        if cookie is not None:
            self._sessions.end(cookie)
            self._logged_out(cookie)
        response = web.json_response({})
        response.del_cookie(
            name, path="/", secure=self._guard.is_secure(request), httponly=True, samesite="Lax"
        )
        return response

    def close(self) -> None:
        self._verifier.shutdown(wait=False, cancel_futures=True)

    async def _verify(self, name: str, password: str) -> bool:
        if not self._access.web.users:
            return False
        hashed, may = self._access.password_hash(name)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            right = await loop.run_in_executor(self._verifier, verify_password, password, hashed)
        finally:
            self._waiting -= 1
        return right and may


async def _credentials(request: web.Request) -> tuple[str, str]:
    """Raises HTTPBadRequest and HTTPUnsupportedMediaType."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="a login is JSON\n")
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="a login is a JSON object\n") from None
    name = body.get("name") if isinstance(body, dict) else None
    password = body.get("password") if isinstance(body, dict) else None
    if not isinstance(name, str) or not isinstance(password, str):
        raise web.HTTPBadRequest(text="a login has a name and a password\n")
    if max(len(name), len(password)) > LONGEST or not _encodes(name + password):
        raise web.HTTPBadRequest(text="this is no name, or no password\n")
    return name, password


def _encodes(text: str) -> bool:
    """JSON may hold half of a surrogate pair, which is no text."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _wrong(left: int) -> str:
    tries = "1 more try" if left == 1 else f"{left} more tries"
    rest = f"{tries} before a wait of one minute" if left else "Wait one minute"
    return f"That name and password do not match. {rest}."


def _later(wait_s: float) -> web.Response:
    seconds = max(1, round(wait_s))
    text = f"Too many tries. Wait {seconds} s."
    headers = {"Retry-After": str(seconds)}
    return web.json_response({"error": text, "left": 0}, status=429, headers=headers)
