"""Hashes of passwords and tokens, as they stand in the site file: made here, verified here."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from camfan_config.text.hashes import match_password, match_token

COST = 15  # 2**15 blocks of 1 kB: 32 MB and a tenth of a second on a PC, below a second on a Pi 4
BLOCK = 8
LANES = 1
_SALT_BYTES = 16
_HASH_BYTES = 32
_MAX_MEMORY = 2**28


def hash_password(password: str) -> str:
    salt = secrets.token_bytes(_SALT_BYTES)
    found = _scrypt(password, salt, COST, BLOCK, LANES)
    return f"scrypt.{COST}.{BLOCK}.{LANES}.{_text(salt)}.{_text(found)}"


def verify_password(password: str, hashed: str) -> bool:
    """Whether the hash is of this password."""
    match = match_password(hashed)
    if match is None:
        return False
    numbers = int(match["cost"]), int(match["block"]), int(match["lanes"])
    try:
        found = _scrypt(password, _bytes(match["salt"]), *numbers)
    except ValueError:  # more memory than allowed; such a hash was not made here
        return False
    return hmac.compare_digest(found, _bytes(match["hash"]))


def new_token() -> str:
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    return f"sha256.{_text(hashlib.sha256(token.encode()).digest())}"


def verify_token(token: str, hashed: str) -> bool:
    return match_token(hashed) is not None and hmac.compare_digest(hash_token(token), hashed)


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(
        password.encode(),
        salt=salt,
        n=2**cost,
        r=block,
        p=lanes,
        maxmem=_MAX_MEMORY,
        dklen=_HASH_BYTES,
    )


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
