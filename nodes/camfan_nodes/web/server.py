"""The server: what it consists of, and in which order it starts and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from camfan_config import Site, Web, select
from camfan_nodes.recordings_http.client import RecorderClients
from camfan_nodes.shared.web_listener import listen, tls_context
from camfan_nodes.web.api import Api
from camfan_nodes.web.assets import Assets
from camfan_nodes.web.dispatch import Dispatcher
from camfan_nodes.web.guard import Guard
from camfan_nodes.web.html_routes import HtmlRoutes
from camfan_nodes.web.hub import Hub
from camfan_nodes.web.live_clients import LiveClients, PageContext
from camfan_nodes.web.login import LoginApi
from camfan_nodes.web.metrics import WebCollector
from camfan_nodes.web.mjpeg import MjpegStreams
from camfan_nodes.web.monitoring import MonitoringRoutes
from camfan_nodes.web.not_found import NotFound
from camfan_nodes.web.openapi import openapi
from camfan_nodes.web.overview import Overviews
from camfan_nodes.web.principals import Principals
from camfan_nodes.web.recordings import RecordingRoutes
from camfan_nodes.web.routes import ROUTES, Handlers
from camfan_nodes.web.sessions import Sessions, state_folder
from camfan_nodes.web.snapshots import Snapshots
from camfan_nodes.web.web_frame import Renditions

MAX_BODY = 16_384
RENDERERS = 2  # threads that make smaller frames
LOGINS_S = 0.5  # between two checks whether the logins of what is open are still valid
END_S = 1.0  # for open requests, when the server ends


class WebServer:
    """Everything that serves one site. Made and used inside the event loop."""

    def __init__(self, site: Site, key: Path | None = None) -> None:
        self.site = site
        self.section = site.web or Web()
        self.hub = Hub(site, select(site, self.section.cameras), key)
        self.access = Principals(site)
        self.sessions = Sessions(None if self.access.open else state_folder(site))
        self.guard = Guard(self.access, self.sessions)
        self._version = version("camfan")
        self._renderer = ThreadPoolExecutor(RENDERERS, thread_name_prefix="rendition")
        self.renditions = Renditions(self._renderer)
        overviews = Overviews(self.hub, self._version)
        context = PageContext(self.hub, overviews, self.renditions, self.guard, self._version)
        self.live = LiveClients(context)
        self.mjpeg = MjpegStreams(self.hub, self.guard)
        self.hub.figures = self.live.figures
        self.login = LoginApi(self.access, self.sessions, self.guard, self._end_logged_out)
        self._recorders = RecorderClients(site, key)
        self._assets = Assets(site.site)
        self.dispatcher = Dispatcher(ROUTES, self._handlers(context), self.guard)

    def _handlers(self, context: PageContext) -> Handlers:
        registry = CollectorRegistry()
        owner = self.access.anybody()  # may see the figures of all pages
        registry.register(WebCollector(lambda: self.live.clients(owner), self.hub.totals))
        document = msgspec.json.encode(openapi(self._version))
        return Handlers(
            html=HtmlRoutes(self._assets),
            login=self.login,
            live=self.live,
            snapshots=Snapshots(self.hub),
            mjpeg=self.mjpeg,
            api=Api(context, self.live),
            recordings=RecordingRoutes(self._recorders, self.guard),
            monitoring=MonitoringRoutes(registry, document),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Listens; gives the address. Raises ListenError."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.hub.close)
            stack.callback(self._renderer.shutdown, wait=False, cancel_futures=True)
            stack.callback(self.login.close)
            stack.push_async_callback(self._recorders.close)
            runner = web.AppRunner(
                self._app(), access_log=None, handler_cancellation=True, shutdown_timeout=END_S
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            address = await listen(
                runner, self.section.listen, tls_context(self.section.tls, "web.tls")
            )
            work = self.hub.run(), self.live.tell(), self._look_after_logins()
            async with _background(*work) as background:
                self._background = background
                yield address
                await self.live.close()

    async def _look_after_logins(self) -> None:
        """For ever: closes what is open within a second of the end of its login."""
        while True:
            await asyncio.sleep(LOGINS_S)
            self._end_logged_out()
            self.sessions.save_again()

    def _end_logged_out(self) -> None:
        self.live.end_logged_out()
        self.mjpeg.end_logged_out()

    def failure(self) -> BaseException | None:
        """The exception that ended a background task, if any."""
        for task in self._background:
            if task.done() and not task.cancelled():
                return task.exception()
        return None

    def _app(self) -> web.Application:
        not_found = NotFound(self._assets)
        app = web.Application(
            middlewares=[self.guard.middleware, not_found.middleware], client_max_size=MAX_BODY
        )
        self.dispatcher.add_to(app.router)
        return app


@asynccontextmanager
async def _background(
    *work: Coroutine[None, None, None],
) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        with suppress(Exception):
            await asyncio.gather(*tasks, return_exceptions=True)
