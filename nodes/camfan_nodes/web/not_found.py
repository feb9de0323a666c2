"""Addresses that do not exist: a page for browsers, JSON below /api, a line for the rest."""

from __future__ import annotations

from html import escape

from aiohttp import web

from camfan_nodes.web.assets import Assets
from camfan_nodes.web.guard import Handler

_WHAT_THERE_IS = "/api/openapi.json lists the addresses"


class NotFound:
    """The middleware."""

    def __init__(self, assets: Assets) -> None:
        self._page = assets["not_found.html"].body.decode()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound as exc:
            unknown = request.match_info.http_exception is not None
            if unknown and _is_api(request):
                error = f"there is nothing at {request.path}; {_WHAT_THERE_IS}"
                return web.json_response({"error": error}, status=404)
            if not _is_api(request) and "text/html" in request.headers.get("Accept", ""):
                why = f"There is no page at {request.path}." if unknown else exc.text or ""
                headers = {"Cache-Control": "no-store"}
                body = self._page.replace("{{why}}", escape(why))
                return web.Response(
                    text=body, content_type="text/html", status=404, headers=headers
                )
            if unknown:
                exc.text = f"there is nothing at {request.path}; {_WHAT_THERE_IS}\n"
            raise


def _is_api(request: web.Request) -> bool:
    return request.path.startswith("/api/") or request.path == "/api"
