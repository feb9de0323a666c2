"""What a camera asks for with a 401, and the answers to it: Basic, and Digest with MD5 or SHA-256.

Of several ways the first that is known is taken. Python's handlers look at no other than the first,
and know neither SHA-256 nor letters beyond ASCII.
"""

from __future__ import annotations

import hashlib
import re
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from http.client import HTTPResponse

HEADER = "WWW-Authenticate"

_PART = re.compile(r'[^,"]*+(?:"(?:[^"\\]|\\.)*+"?[^,"]*+)*+')  # up to a comma outside of quotes
_BEGINS = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]{0,19})(?:\s+|\Z)(?!=)")
_ALGORITHM = re.compile(r'\balgorithm\s*=\s*"?([A-Za-z0-9-]{1,20})', re.IGNORECASE)
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_KNOWN = {"Basic", "Digest", *(f"Digest with {name}" for name in _HASHES)}

Hash = Callable[[str], str]


class UnknownWayError(Exception):
    """The camera lets somebody in only in ways that are not known here; the message says which."""


class ChooseWay(urllib.request.BaseHandler):
    """Closes an answer that asks for a password, and leaves in it the one way that will be tried.

    Raises UnknownWayError.
    """

    handler_order = 400  # before those that know the password

    def http_error_401(
        self, _request: object, answer: HTTPResponse, _code: int, _reason: str, head: Message
    ) -> None:
        answer.close()
        ways = [way for line in head.get_all(HEADER, []) for way in _ways(line)]
        del head[HEADER]
        known = [way for way in ways if _name(way) in _KNOWN]
        if known:
            head[HEADER] = known[0]
        elif ways:
            raise UnknownWayError(_words({_name(way): None for way in ways}))


class Digest(urllib.request.HTTPDigestAuthHandler):
    def get_algorithm_impls(self, algorithm: str) -> tuple[Hash, Callable[[str, str], str]]:
        make = _HASHES[algorithm.upper()]

        def digest(text: str) -> str:
            return make(text.encode()).hexdigest()

        return digest, lambda secret, data: digest(f"{secret}:{data}")


def _ways(line: str) -> Iterator[str]:
    """The challenges of one header line, which may hold several."""
    way = ""
    for part in _PART.findall(line):
        if not part.strip():
            continue
        if way and _BEGINS.match(part):
            yield way
            way = ""
        way = f"{way}, {part.strip()}" if way else part.strip()
    if way:
        yield way


def _name(way: str) -> str:
    """`Digest with SHA-256`, `Bearer`; empty for what is no challenge."""
    begins = _BEGINS.match(way)
    if begins is None:
        return ""
    name = begins[1].capitalize() if begins[1].lower() in ("basic", "digest", "bearer") else ""
    algorithm = _ALGORITHM.search(way)
    if name == "Digest" and algorithm:
        return f"Digest with {algorithm[1].upper()}"
    return name or begins[1]


def _words(names: dict[str, None]) -> str:
    if "Bearer" in names:
        return (
            "it wants a token (Bearer), not a user and a password; many cameras take one in the"
            " address, such as ?token=…"
        )
    asked = " or ".join(filter(None, names)) or "what is not known here"
    return f"it asks for {asked}; turn on Basic or Digest in it"
