"""Keys: a pair for each node, in files that zmq.auth reads too, and what sockets are given of them.

A secret is written once, for its owner alone, and is in no repr. Nothing here decides who may do
what.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import zmq
from zmq.utils import z85

from camfan_config.errors import CamfanError

PUBLIC, SECRET = ".pub", ".secret"
DOMAIN = b"camfan"  # of ZAP; a socket with a domain lets nobody in when nobody answers for it

_KEY = re.compile(r'^\s*(public|secret)-key\s*=\s*"([^"]*)"\s*$', re.MULTILINE)
_MAX_BYTES = 16_384  # of a key file
_HEAD = """\
# {what} of '{name}', made {when} by camfan keys
# {advice}
metadata
    name = "{name}"
curve
    public-key = "{public}"
"""


class KeyFileError(CamfanError):
    """A key that cannot be read, written or trusted; the message names the file."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A CURVE key pair, both as Z85."""

    public: bytes
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """For the sockets of the broker."""

    pair: Pair


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """For the sockets of a node: its own pair, and the broker's public key (Z85)."""

    pair: Pair
    server: bytes
    file: Path | None = field(default=None, compare=False)  # of the pair; for messages
    site: str | None = field(default=None, compare=False)  # of the broker; for messages


Keys = ServerKeys | ClientKeys


def apply(socket: zmq.Socket[bytes], keys: Keys) -> None:
    """To be called before bind or connect."""
    socket.curve_publickey = keys.pair.public
    socket.curve_secretkey = keys.pair.secret
    if isinstance(keys, ClientKeys):
        socket.curve_serverkey = keys.server
    else:
        socket.curve_server = True
        socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)


def new_pair() -> Pair:
    return Pair(*zmq.curve_keypair())


def pair_of_secret(secret: bytes) -> Pair:
    """The pair whose secret half are these 32 bytes."""
    encoded = z85.encode(secret)
    return Pair(zmq.curve_public(encoded), encoded)


def to_hex(public: bytes) -> str:
    """A Z85 key as the site file has it: 64 hexadecimal digits, which YAML leaves alone."""
    return z85.decode(public).hex()


def from_hex(text: str) -> bytes:
    return z85.encode(bytes.fromhex(text))


def fingerprint(public: bytes) -> str:
    """Enough of a public key to compare by eye: 16 hexadecimal digits in groups."""
    digest = hashlib.sha256(z85.decode(public)).hexdigest()[:16]
    return "-".join(digest[at : at + 4] for at in range(0, 16, 4))


def read_public(path: Path) -> bytes:
    """The public key of a file, as Z85. Raises KeyFileError."""
    return _key(path, _read(path), "public")


def read_pair(path: Path) -> Pair:
    """Both halves, from a file that nobody else can read. Raises KeyFileError."""
    text = _read(path, secret=True)
    pair = Pair(_key(path, text, "public"), _key(path, text, "secret"))
    try:
        fits = zmq.curve_public(pair.secret) == pair.public
    except (ValueError, zmq.ZMQError):
        fits = False
    if not fits:
        raise KeyFileError(f"{path}: its two keys do not belong together")
    return pair


def write_pair(folder: Path, name: str, pair: Pair) -> None:
    """Write NAME.secret (0600) and NAME.pub. Raises KeyFileError, also if either is there."""
    for suffix in (SECRET, PUBLIC):
        if (folder / (name + suffix)).exists():
            raise KeyFileError(
                f"{folder / (name + suffix)} is there already and is not overwritten; "
                f"a new pair in its place: camfan keys rotate {name}"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        body = _text(name, pair.public, "The SECRET key", "Never copy it to another machine.")
        body += f'    secret-key = "{pair.secret.decode()}"\n'
        _create(folder / (name + SECRET), body, 0o600)
    except OSError as exc:
        raise KeyFileError(f"{folder / (name + SECRET)}: {exc.strerror}") from exc
    write_public(folder, name, pair.public)


def write_public(folder: Path, name: str, public: bytes) -> None:
    """Write NAME.pub. Raises KeyFileError, also if it is there."""
    path = folder / (name + PUBLIC)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _create(path, _text(name, public, "The public key", "May be copied and shown."), 0o644)
    except FileExistsError:
        raise KeyFileError(f"{path} is there already and is not overwritten") from None
    except OSError as exc:
        raise KeyFileError(f"{path}: {exc.strerror}") from exc


def _text(name: str, public: bytes, what: str, advice: str) -> str:
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    return _HEAD.format(what=what, name=name, when=when, advice=advice, public=public.decode())


def _create(path: Path, text: str, mode: int) -> None:
    """A new file that is whole once it has its name, with its mode from the first moment on."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(new, path)  # fails where somebody was quicker
    finally:
        new.unlink()


def _read(path: Path, *, secret: bool = False) -> str:
    try:
        with path.open("rb") as file:
            loose = os.fstat(file.fileno()).st_mode & 0o077
            data = file.read(_MAX_BYTES + 1)
    except OSError as exc:
        raise KeyFileError(f"{path}: {exc.strerror}") from exc
    if secret and loose and not _is_credential(path):
        raise KeyFileError(f"{path}: other users can read this secret; chmod 600 '{path}'")
    return data.decode("latin-1") if len(data) <= _MAX_BYTES else ""


def _is_credential(path: Path) -> bool:
    """systemd put it there, and sees to it that nobody else can read it."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and path.parent == Path(folder or "")


def _key(path: Path, text: str, half: str) -> bytes:
    found = [match[2] for match in _KEY.finditer(text) if match[1] == half]
    if len(found) != 1:
        raise KeyFileError(f"{path}: holds no {half} key, or more than one")
    key = found[0].encode("latin-1")
    try:
        whole = len(z85.decode(key)) == 32
    except (KeyError, ValueError, struct.error):
        whole = False
    if len(key) != 40 or not whole:
        raise KeyFileError(f"{path}: its {half} key is not 40 characters of Z85")
    return key
