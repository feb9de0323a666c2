"""The web server's side: asks the recorders of a site for their recordings.

What goes wrong on the way has the recorder's name in it: 502 for an answer that cannot be used,
503 for a recorder that does not answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec
from aiohttp import web
from msgspec import Struct
from yarl import URL

from camfan import CamfanError, Site
from camfan.identity import KeyFile, client_keys
from camfan_config import brokers, first_broker, select
from camfan_config.text.units import parse_address
from camfan_config.types import Recorder
from camfan_nodes.recordings_http.answers import BASE, RECORDER_HEADER, WEB
from camfan_nodes.recordings_http.proof import public_file, shared_secret, sign_request
from camfan_wire.keys import read_public

CONNECT_S = 5.0
ANSWER_S = 20.0  # until it begins, and between two parts of it
MOST_ANSWER_BYTES = 64_000_000  # of JSON
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound
PASSED = frozenset({200, 206, 304, 400, 404, 410, 416, 503})  # as the recorder has them

Kind = TypeVar("Kind", bound=Struct)


class RecorderClient:
    """Asks one recorder. Belongs to the event loop."""

    def __init__(self, site: Site, name: str, key: KeyFile | None) -> None:
        self.name = name
        self._site = site
        self._key = key
        self._section = site.recorders[name]
        self._base = _url_of(site, self._section)

    @asynccontextmanager
    async def ask(
        self,
        session: aiohttp.ClientSession,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer that is to be passed on; with a body it is a POST.

        Raises HTTPBadGateway and HTTPServiceUnavailable.
        """
        url = self._base.joinpath(*f"{BASE}{path}".split("/")).with_query(dict(query))
        try:
            method = "GET" if body is None else "POST"
            sent = {**headers, **self._proof(method, url, body or b"")}
            if body is not None:
                sent["Content-Type"] = "application/json"
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=ANSWER_S)
            async with session.request(
                method,
                url,
                data=body,
                headers=sent,
                timeout=timeout,
                ssl=self._trust(),
                allow_redirects=False,
            ) as answer:
                await self._check(answer)
                yield answer
        except TimeoutError:
            raise self._silent(f"has not answered for {ANSWER_S:.0f} s") from None
        except aiohttp.ServerFingerprintMismatch:
            text = "shows another certificate than `tls` of its section names"
            raise self._unusable(text) from None
        except aiohttp.ClientConnectorCertificateError as exc:
            raise self._unusable(f"shows a certificate that is not trusted: {exc}") from None
        except aiohttp.ClientConnectorError as exc:
            raise self._silent(f"cannot be reached at {self._base}: {exc.strerror}") from None
        except aiohttp.ClientError as exc:
            raise self._unusable(f"answers with what is not HTTP: {exc}") from None
        except CamfanError as exc:
            raise self._silent(f"cannot be asked: {exc}") from None

    async def read(
        self,
        session: aiohttp.ClientSession,
        path: str,
        query: Mapping[str, str],
        kind: type[Kind],
        body: Struct | None = None,
    ) -> Kind:
        """JSON of a type. Raises an HTTPException, as the recorder answered or as `ask`."""
        sent = None if body is None else msgspec.json.encode(body)
        async with self.ask(session, path, query, {}, sent) as answer:
            found = await answer.content.read(MOST_ANSWER_BYTES + 1)
            while len(found) <= MOST_ANSWER_BYTES and not answer.content.at_eof():
                found += await answer.content.read(MOST_ANSWER_BYTES + 1 - len(found))
            if answer.status != 200:
                raise self.passed_on(answer, found)
            try:
                return msgspec.json.decode(found, type=kind)
            except msgspec.MsgspecError as exc:
                text = f"answers in the words of another version of camfan: {exc}"
                raise self._unusable(text) from None

    def passed_on(self, answer: aiohttp.ClientResponse, body: bytes) -> web.HTTPException:
        """An error of the recorder as one of this server."""
        text = body[:1000].decode(errors="replace")
        retry = {"Retry-After": "5"} if answer.status == 503 else {}
        for kind in (
            web.HTTPBadRequest,
            web.HTTPNotFound,
            web.HTTPGone,
            web.HTTPServiceUnavailable,
        ):
            if kind.status_code == answer.status:
                return kind(text=text, headers=retry)
        return self._unusable(f"answers with {answer.status}: {text}")

    async def _check(self, answer: aiohttp.ClientResponse) -> None:
        if answer.headers.get(RECORDER_HEADER) != self.name:
            raise self._unusable(f"is not what answers at {self._base}")
        if answer.status in PASSED:
            return
        text = (await answer.content.read(1000)).decode(errors="replace").strip()
        if answer.status == 401:
            raise self._unusable(f"rejects this web server: {text}")
        raise self._unusable(f"answers with {answer.status}: {text}")

    def _proof(self, method: str, url: URL, body: bytes) -> dict[str, str]:
        """Raises KeyFileError and KeyMissingError."""
        keys = client_keys(self._site, WEB, self._key)
        if keys is None:
            return {}
        secret = shared_secret(keys.pair, read_public(public_file(self._site, self.name)))
        proof = sign_request(secret, self.name, method, url.raw_path_qs, body)
        return {"Authorization": proof}

    def _trust(self) -> aiohttp.Fingerprint | bool:
        """The certificate that the site file names, if it is here; else those of the system."""
        if self._section.tls is None:
            return True
        try:
            pem = Path(self._section.tls.certificate).read_text("ascii")
            first = pem[: pem.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)]
            first = first[first.index(ssl.PEM_HEADER) :]
            return aiohttp.Fingerprint(hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).digest())
        except (OSError, ValueError):
            return True

    def _silent(self, text: str) -> web.HTTPServiceUnavailable:
        return web.HTTPServiceUnavailable(
            text=f"recorder {self.name} {text}\n", headers={"Retry-After": "5"}
        )

    def _unusable(self, text: str) -> web.HTTPBadGateway:
        return web.HTTPBadGateway(text=f"recorder {self.name} {text}\n")


class RecorderClients:
    """Those of a site whose recordings can be read."""

    def __init__(self, site: Site, key: KeyFile | None) -> None:
        self._site = site
        self._clients = {
            name: RecorderClient(site, name, key)
            for name, recorder in site.recorders.items()
            if recorder.http is not None
        }
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """To be used in the event loop only."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        return self._session

    def all(self) -> list[RecorderClient]:
        return list(self._clients.values())

    def of(self, camera: str, asked: str | None) -> RecorderClient:
        """The recorder with this name, or the first that records the camera.

        Raises HTTPNotFound.
        """
        for name, client in self._clients.items():
            if camera in select(self._site, self._site.recorders[name].cameras) and asked in (
                None,
                name,
            ):
                return client
        raise web.HTTPNotFound(text="no recorder with `http` records this camera\n")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)


def _url_of(site: Site, recorder: Recorder) -> URL:
    host, port = parse_address(recorder.http or "")
    if host in EVERYWHERE:
        host = recorder.host or brokers(site)[first_broker(site)].host
    return URL.build(scheme="http" if recorder.tls is None else "https", host=host, port=port)
