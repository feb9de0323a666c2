"""Hashes of passwords and tokens, as `camfan password` writes them into a site file.

`scrypt.15.8.3.SALT.HASH` for passwords, which people choose; `sha256.HASH` for tokens, which are
random and long. Base64 without padding. Only the form is known here; `camfan_nodes.web` verifies.
"""

from __future__ import annotations

import re

HIDDEN = "***"  # what `camfan show` writes instead; nothing matches it

_PASSWORD = re.compile(
    r"scrypt\.(?P<cost>1[0-9]|20)\.(?P<block>[1-9]|[12][0-9]|3[0-2])\.(?P<lanes>[1-9]|1[0-6])"
    r"\.(?P<salt>[A-Za-z0-9_-]{16,86})\.(?P<hash>[A-Za-z0-9_-]{43})"
)
_TOKEN = re.compile(r"sha256\.(?P<hash>[A-Za-z0-9_-]{43})")


def match_password(text: str) -> re.Match[str] | None:
    return _PASSWORD.fullmatch(text)


def match_token(text: str) -> re.Match[str] | None:
    return _TOKEN.fullmatch(text)
