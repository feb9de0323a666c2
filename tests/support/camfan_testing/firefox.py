"""The Firefox of the system, driven by WebDriver BiDi. Nothing is downloaded."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
MISSING = "needs Firefox: apt-get install firefox-esr"
START_S = 60.0
LISTENS = b"WebDriver BiDi listening on "


class FirefoxPage:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._context = ""

    async def open(self, url: str, width: int = 400, height: int = 300) -> None:
        """Does not wait for what the page loads, which may never end."""
        await self._call("session.new", capabilities={})
        tree = await self._call("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]
        size = {"width": width, "height": height}
        await self._call("browsingContext.setViewport", context=self._context, viewport=size)
        await self._call("browsingContext.navigate", context=self._context, url=url, wait="none")

    async def screenshot(self) -> bytes:
        """PNG."""
        got = await self._call("browsingContext.captureScreenshot", context=self._context)
        return base64.b64decode(got["data"])

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while (got := await self._socket.receive_json(timeout=START_S)).get("id") != number:
            pass
        result: dict[str, Any] = got["result"]
        return result


@asynccontextmanager
async def firefox_page(folder: Path) -> AsyncIterator[FirefoxPage]:
    """A browser that was never here before; its profile is in the folder."""
    assert FIREFOX is not None
    process = await asyncio.create_subprocess_exec(
        *(FIREFOX, "--headless", "--no-remote", "--profile", str(folder)),
        *("--remote-debugging-port", "0", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(START_S):
            address = await _address(process)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{address}/session", max_msg_size=0) as socket,
        ):
            yield FirefoxPage(socket)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        _, found, address = line.partition(LISTENS)
        if found:
            return address.decode().strip()
    raise AssertionError("Firefox ended before it listened")
