"""What monitoring and other programs read of the server itself: health, metrics, the document."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest


class MonitoringRoutes:
    """The handlers."""

    def __init__(self, registry: CollectorRegistry, document: bytes) -> None:
        self._registry = registry
        self._document = document

    async def health(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def metrics(self, _: web.Request) -> web.StreamResponse:
        return web.Response(
            body=generate_latest(self._registry),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def openapi(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=self._document, content_type="application/json")
