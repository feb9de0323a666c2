"""Users and passwords in URLs: escaped where a `${...}` brings them, refused where they need it.

What a `${...}` brings into that part is taken as it is, so that no letter of it can end the part
and move the rest of a password into the host, which is shown and looked up.
"""

from __future__ import annotations

import re
from urllib.parse import quote

_SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://")
_ENDS = re.compile(r"[/?#]")
_RAW = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # refused as they are, not escaped
_NOT_ESCAPED = re.compile(r"[@\s\[\]]|%(?![0-9A-Fa-f]{2})")
_PORT = re.compile(r":[0-9]{0,5}")

MUST_BE_ESCAPED = (
    "user or password contain a character with a meaning in URLs: write a ${NAME} in their"
    " place, whose value needs no escapes, or escape it: @ is %40, / %2F, # %23, ? %3F, % %25,"
    " [ %5B, ] %5D, a space %20"
)
WHOSE_AT = (
    "an @ after the host: if it ends a password, write a ${NAME} for the password, or escape"
    " / in it as %2F, ? as %3F, # as %23; if it is part of the path, write it as %40"
)


def login_span(url: str) -> tuple[int, int] | None:
    """Where user and password of a URL stand; None: nowhere, or it is not a URL."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        return None
    end = _ENDS.search(url, scheme.end())
    at = url.rfind("@", scheme.end(), end.start() if end else len(url))
    return None if at < 0 else (scheme.end(), at)


def escape_login(text: str, *, pair: bool = False) -> str:
    """A user, a password, or with `pair` both as `user:password`, as a URL holds them.

    Text that cannot be right at all is not changed, so that its check finds it.
    """
    if _RAW.search(text):
        return text
    if pair:
        return ":".join(quote(part, safe="") for part in text.split(":", 1))
    return quote(text, safe="")


def login_trouble(url: str) -> str | None:
    """Why user or password of a URL cannot be as they are written; holds nothing of them."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        return None
    span, rest = login_span(url), url[scheme.end() :]
    if span is not None:
        return MUST_BE_ESCAPED if _NOT_ESCAPED.search(url[span[0] : span[1]]) else None
    host, after = _split(rest)
    colon = host.rfind(":")
    if "@" not in after or colon < 0 or host.endswith("]"):
        return None
    return WHOSE_AT if _PORT.fullmatch(host[colon:]) else MUST_BE_ESCAPED


def _split(rest: str) -> tuple[str, str]:
    end = _ENDS.search(rest)
    return (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
