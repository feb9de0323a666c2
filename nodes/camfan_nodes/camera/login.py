"""How user and password are sent to a camera: Basic, and Digest as of RFC 2069, 2617 and 7616.

Of several ways the strongest supported one is used. The answer to the last challenge is sent with
the following requests, so each costs one request.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable

from camfan_config.errors import CamfanError
from camfan_nodes.camera.challenge import Challenge

MAX_AGAIN = 3  # times in a row that a camera may ask otherwise, or call its own nonce too old

_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}  # the weakest first
_BASIC = Challenge("Basic")


class UnknownWayError(CamfanError):
    """The camera accepts only ways to log in that are not supported; the message names them."""


class CameraLogin:
    """A user and a password, and what the camera asked for last."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._way: Challenge | None = None
        self._count = 0  # requests that used the nonce
        self._attempts = 0  # of this request
        self.said = False  # the last request had it

    def begin(self) -> None:
        """A new request, or a new chain of redirects."""
        self._attempts = 0
        self.said = False

    def header(self, method: str, target: str) -> str | None:
        """The value of `Authorization`; None as long as it was not asked for."""
        self.said = self._way is not None
        if self._way is None:
            return None
        if self._way.scheme == "Basic":
            pair = f"{self._user}:{self._password}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        self._count += 1
        return answer_digest(self._way, (self._user, self._password), method, target, self._count)

    def refused(self, ways: list[Challenge]) -> bool:
        """After a 401: True to send the request again. Raises UnknownWayError."""
        way = choose(ways) if ways else _BASIC
        if self.said and self._way == _BASIC == way:
            return False  # the same login would be sent again
        stale = way.values.get("stale", "").lower() == "true"
        other = self._way is None or self._way.scheme != way.scheme
        if (self._attempts and not (other or stale)) or self._attempts > MAX_AGAIN:
            return False
        self._attempts += 1
        self._way, self._count = way, 0
        return True

    def unasked(self) -> bool:
        """After an odd answer: True to send the request again, with the login as Basic."""
        if self._way is not None or self._attempts:
            return False
        self._attempts += 1
        self._way = _BASIC
        return True

    def forget(self) -> None:
        """It did not help: the next request waits to be asked again."""
        self._way = None


def choose(ways: list[Challenge]) -> Challenge:
    """The strongest way that is known. Raises UnknownWayError."""
    best = max(ways, key=_strength, default=None)
    if best is None or _strength(best) < 0:
        raise UnknownWayError(_words([str(way) for way in ways]))
    return _BASIC if best.scheme == "Basic" else best


def _strength(way: Challenge) -> int:
    """-1: not known here."""
    if way.scheme == "Basic":
        return 0
    name, _, session = way.algorithm.partition("-SESS")
    if way.scheme != "Digest" or name not in _HASHES or session or not _is_known(name):
        return -1
    return 1 + 2 * [*_HASHES].index(name) + way.algorithm.endswith("-SESS")


def _is_known(name: str) -> bool:
    return _HASHES[name] in hashlib.algorithms_available


def answer_digest(
    way: Challenge, login: tuple[str, str], method: str, target: str, count: int
) -> str:
    """The `Authorization` for a Digest challenge; `count` is how often its nonce was used."""
    user, password = login
    digest, nonce = _digest(way.algorithm), way.values.get("nonce", "")
    cnonce, nc, qop = secrets.token_hex(8), f"{count:08x}", _qop(way)
    realm = way.values.get("realm", "")
    secret = digest(f"{user}:{realm}:{password}")
    if way.algorithm.endswith("-SESS"):
        secret = digest(f"{secret}:{nonce}:{cnonce}")
    body = f":{digest('')}" if qop == "auth-int" else ""
    request = digest(f"{method}:{target}{body}")
    middle = f"{nonce}:{nc}:{cnonce}:{qop}" if qop else nonce
    quoted = {"username": user, "realm": realm, "nonce": nonce, "uri": target}
    quoted["response"] = digest(f"{secret}:{middle}:{request}")
    if "opaque" in way.values:
        quoted["opaque"] = way.values["opaque"]
    plain = {"algorithm": way.values.get("algorithm", "MD5")}
    if qop:
        plain |= {"qop": qop, "nc": nc}
    elif "algorithm" not in way.values:
        plain = {}
    if qop or way.algorithm.endswith("-SESS"):
        quoted["cnonce"] = cnonce
    said = [f'{name}="{_escaped(value)}"' for name, value in quoted.items()]
    return f"Digest {', '.join([*said, *(f'{name}={value}' for name, value in plain.items())])}"


def _digest(algorithm: str) -> Callable[[str], str]:
    name = _HASHES[algorithm.removesuffix("-SESS")]

    def digest(text: str) -> str:
        return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

    return digest


def _qop(way: Challenge) -> str:
    """What is protected: `auth`, else `auth-int`; empty: as before there was a choice."""
    offered = re.split(r"[\s,]+", way.values.get("qop", "").strip().lower())
    return next((each for each in ("auth", "auth-int") if each in offered), "")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _words(ways: list[str]) -> str:
    if "Bearer" in ways:
        return (
            "it requires a token (Bearer), not a user and a password; many cameras accept one in"
            " the address, such as ?token=…"
        )
    asked = " or ".join(dict.fromkeys(ways)) or "an unknown way to log in"
    return f"it asks for {asked}; enable Basic or Digest in the camera"
