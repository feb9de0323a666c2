"""How the web server proves to a recorder that it has the site's key of the web server.

Both derive the same secret from their own secret key and the public key of the other (X25519), and
it never leaves either. A request carries the time, and a MAC over that time, the recorder, the
method, the address and the body. A copied proof is of use for the same request only, and for five
minutes. It says nothing about secrecy: beyond loopback a recorder has TLS.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import time
from itertools import product
from pathlib import Path

from nacl.bindings import crypto_box_beforenm
from nacl.exceptions import CryptoError
from zmq.utils import z85

from camfan_config import CamfanError, Site
from camfan_nodes.recordings_http.answers import WEB
from camfan_wire.keys import PUBLIC, KeyFileError, Pair, read_pairs, read_publics

SCHEME = "Camfan"
WINDOW_S = 300.0  # that the clocks of two machines may differ by
_HEADER = re.compile(rf"{SCHEME} time=(\d{{1,12}}), proof=([0-9a-f]{{64}})", re.IGNORECASE)
_PURPOSE = b"camfan recordings over HTTP, version 1"


class ProofError(CamfanError):
    """A request does not prove that it comes from the site's web server."""


def shared_secret(own: Pair, public: bytes) -> bytes:
    """The same 32 bytes for both ends; `public` is Z85. Raises KeyFileError."""
    try:
        return crypto_box_beforenm(z85.decode(public), z85.decode(own.secret))
    except CryptoError as exc:
        raise KeyFileError(f"a public key of the other end is not usable: {exc}") from exc


def sign_request(secret: bytes, recorder: str, method: str, target: str, body: bytes) -> str:
    """The header `Authorization`; `target` is path and query as they are sent."""
    now = int(time.time())
    return f"{SCHEME} time={now}, proof={_mac(secret, recorder, method, target, body, now)}"


class ProofCheck:
    """Checks requests to one recorder. The key of the web server may come and change meanwhile."""

    def __init__(self, site: Site, recorder: str, own: Path) -> None:
        self._site = site
        self._recorder = recorder
        self._own = own
        self._read_at: tuple[int, ...] = ()
        self._secrets: list[bytes] = []

    def check(self, header: str, method: str, target: str, body: bytes) -> None:
        """Raises ProofError, and KeyFileError where a key cannot be read."""
        match = _HEADER.fullmatch(header)
        if match is None:
            raise ProofError("this needs the key of the site's web server; ask that instead")
        said, proof = int(match[1]), match[2].lower()
        macs = [
            _mac(secret, self._recorder, method, target, body, said) for secret in self._known()
        ]
        if not any(hmac.compare_digest(mac, proof) for mac in macs):
            raise ProofError(
                "the proof does not fit: the web server has another key than "
                f"{WEB}{PUBLIC} on the machine of recorder {self._recorder}, or knows another"
                f" key of {self._recorder}"
            )
        apart_s = said - time.time()
        if abs(apart_s) > WINDOW_S:
            side = "ahead of" if apart_s > 0 else "behind"
            raise ProofError(
                f"the clock of the web server is {abs(apart_s):.0f} s {side} that of the machine"
                f" of recorder {self._recorder}; set both by NTP"
            )

    def _known(self) -> list[bytes]:
        public = public_file(self._site, WEB)
        at = _marks(self._own) + _marks(public)
        if at != self._read_at:
            pairs, publics = read_pairs(self._own), read_publics(public)
            self._secrets = [shared_secret(*both) for both in product(pairs, publics)]
            self._read_at = at
        return self._secrets


def public_file(site: Site, name: str) -> Path:
    """The file of a node's public key on this machine. Raises KeyFileError where it is not."""
    folder = Path(site.security.keys or "")
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    places = [Path(credentials)] if credentials else []
    for place in (*places, folder):
        if os.path.exists(place / (name + PUBLIC)):  # noqa: PTH110 - False where it is not readable
            return place / (name + PUBLIC)
    raise KeyFileError(
        f"{folder / (name + PUBLIC)} is not there: copy it from the broker's machine; it is not"
        " secret"
    )


def _marks(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError as exc:
        raise KeyFileError(f"{path} cannot be read: {exc.strerror}") from exc
    return found.st_ino, found.st_mtime_ns, found.st_size


def _mac(secret: bytes, recorder: str, method: str, target: str, body: bytes, now: int) -> str:
    digest = hashlib.sha256(body).hexdigest()
    text = "\n".join((recorder, str(now), method.upper(), target, digest))
    return hmac.new(secret, _PURPOSE + b"\n" + text.encode(), hashlib.sha256).hexdigest()
