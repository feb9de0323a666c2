"""The pages for browsers and the files that belong to them."""

from __future__ import annotations

from aiohttp import web

from camfan_nodes.web.assets import Assets
from camfan_nodes.web.request_values import PRINCIPAL


class HtmlRoutes:
    """The handlers."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    async def root(self, _: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/live")

    async def live(self, request: web.Request) -> web.StreamResponse:
        return self._assets["live.html"].response(request)

    async def site(self, request: web.Request) -> web.StreamResponse:
        return self._assets["site.html"].response(request)

    async def login(self, request: web.Request) -> web.StreamResponse:
        if request.get(PRINCIPAL) is not None:
            raise web.HTTPFound("/live")
        return self._assets["login.html"].response(request)

    async def service_worker(self, request: web.Request) -> web.StreamResponse:
        """Its address must lie above all that it serves."""
        return self._assets["sw.js"].response(request)

    async def manifest(self, request: web.Request) -> web.StreamResponse:
        return self._assets["manifest.webmanifest"].response(request)

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """A page is served at its own address only."""
        name = request.match_info["name"]
        if name not in self._assets.names or name.endswith(".html"):
            raise web.HTTPNotFound(text="there is no such file\n")
        return self._assets[name].response(request)
