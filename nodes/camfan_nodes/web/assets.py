"""The files of the pages: read once at the start, sent compressed, checked by their hash."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from aiohttp import web

_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
WORTH = 600  # bytes from which on compressing pays


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    packed: bytes | None
    kind: str
    tag: str

    def response(self, request: web.Request) -> web.Response:
        """Whole, packed, or `304` if the browser has it already."""
        headers = {"ETag": self.tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == self.tag:
            return web.Response(status=304, headers=headers)
        body = self.body
        if self.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = self.packed
        charset = "utf-8" if self.kind.startswith("text/") else None
        return web.Response(body=body, content_type=self.kind, charset=charset, headers=headers)


class Assets:
    """By name; `{{site}}` in pages and the manifest is the name of the site."""

    def __init__(self, site: str) -> None:
        folder = files("camfan_nodes.web") / "static"
        self._found = {
            one.name: _asset(one.name, _filled(one.name, one.read_bytes(), site))
            for one in folder.iterdir()
            if one.is_file()
        }

    def __getitem__(self, name: str) -> Asset:
        return self._found[name]

    @property
    def names(self) -> list[str]:
        return sorted(self._found)


def _filled(name: str, body: bytes, site: str) -> bytes:
    if not name.endswith((".html", ".webmanifest")):
        return body
    return body.replace(b"{{site}}", escape(site).encode())


def _asset(name: str, body: bytes) -> Asset:
    suffix = name[name.rindex(".") :]
    kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    packed = gzip.compress(body, 9, mtime=0) if len(body) >= WORTH and suffix in _TYPES else None
    return Asset(body, packed, kind, f'"{hashlib.sha256(body).hexdigest()[:20]}"')
