"""Keys: a pair for each node, in files that zmq.auth also reads, and their use by sockets.

While a pair is replaced its files hold the next one beside it. Each file is replaced as a whole, so
a process that reads one finds the old pair, the new pair, or both. A secret is written for its
owner alone, and is not in any repr. Permissions are not decided here.
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
from camfan_wire.safe_files import find_exposure, make_folder, store

PUBLIC, SECRET = ".pub", ".secret"
DOMAIN = b"camfan"  # of ZAP; a socket with a domain rejects everything while no ZAP handler answers

_KEY = re.compile(r'^\s*((?:next-)?(?:public|secret))-key\s*=\s*"([^"]*)"\s*$', re.MULTILINE)
_MAX_BYTES = 16_384  # of a key file
_HEAD = """\
# {what} of '{name}', made {when} by camfan keys
# {advice}
metadata
    name = "{name}"
curve
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
    """Call it before bind or connect."""
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
    return read_publics(path)[0]


def read_publics(path: Path) -> tuple[bytes, ...]:
    """The public key of a file, and those that are to replace it. Raises KeyFileError."""
    return _keys(path, _read(path), "public")


def read_pair(path: Path) -> Pair:
    """Both halves, from a file that only its owner can read or replace. Raises KeyFileError."""
    return read_pairs(path)[0]


def read_pairs(path: Path) -> tuple[Pair, ...]:
    """As `read_pair`, and the pair that is to replace it. Raises KeyFileError."""
    text = _read(path, secret=True)
    halves = _keys(path, text, "public"), _keys(path, text, "secret")
    if len(halves[0]) != len(halves[1]):
        raise KeyFileError(f"{path}: holds a key without its other half")
    pairs = tuple(Pair(*both) for both in zip(*halves, strict=True))
    if not all(map(_belongs_together, pairs)):
        raise KeyFileError(f"{path}: its two keys do not belong together")
    return pairs


def _belongs_together(pair: Pair) -> bool:
    try:
        return zmq.curve_public(pair.secret) == pair.public
    except (ValueError, zmq.ZMQError):
        return False


def write_pair(folder: Path, name: str, pair: Pair) -> None:
    """Write NAME.secret (0600) and NAME.pub. Raises KeyFileError, also if either is there."""
    for suffix in (SECRET, PUBLIC):
        if (folder / (name + suffix)).exists():
            raise KeyFileError(
                f"{folder / (name + suffix)} is there already and is not overwritten; "
                f"a new pair in its place: camfan keys rotate {name}"
            )
    store_pairs(folder, name, pair)
    store_publics(folder, name, pair.public)


def store_pairs(folder: Path, name: str, *pairs: Pair) -> None:
    """NAME.secret holds these pairs from now on, the first of them in use. Raises KeyFileError."""
    text = _head(name, "The SECRET key", "Never copy it to another machine.")
    for prefix, pair in zip(_prefixes(len(pairs)), pairs, strict=True):
        text += f'    {prefix}public-key = "{pair.public.decode()}"\n'
        text += f'    {prefix}secret-key = "{pair.secret.decode()}"\n'
    store_key_file(folder / (name + SECRET), text, 0o600)


def store_publics(folder: Path, name: str, *publics: bytes) -> None:
    """NAME.pub holds these keys from now on, each of them valid. Raises KeyFileError."""
    store_key_file(folder / (name + PUBLIC), public_text(name, *publics), 0o644)


def public_text(name: str, *publics: bytes) -> str:
    text = _head(name, "The public key", "May be copied and shown.")
    for prefix, public in zip(_prefixes(len(publics)), publics, strict=True):
        text += f'    {prefix}public-key = "{public.decode()}"\n'
    return text


def store_key_file(path: Path, text: str, mode: int) -> None:
    """Raises KeyFileError; what was there is then as it was."""
    try:
        make_folder(path.parent)
        store(path, text, mode)
    except OSError as exc:
        raise KeyFileError(f"{path} cannot be written: {exc.strerror}") from exc


def check_not_exposed(path: Path, *, above: bool = True) -> None:
    """Raises KeyFileError for a file or folder that any user can replace."""
    exposure = find_exposure(path, above=above)
    if exposure is not None:
        raise KeyFileError(f"{exposure}. A key could be replaced there, so it is not used")


def _prefixes(count: int) -> list[str]:
    return ["", *["next-"] * (count - 1)]


def _head(name: str, what: str, advice: str) -> str:
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    return _HEAD.format(what=what, name=name, when=when, advice=advice)


def _read(path: Path, *, secret: bool = False) -> str:
    try:
        with path.open("rb") as file:
            loose = os.fstat(file.fileno()).st_mode & 0o077
            data = file.read(_MAX_BYTES + 1)
    except OSError as exc:
        raise KeyFileError(f"{path}: {exc.strerror}") from exc
    if secret and not _is_credential(path):
        if loose:
            raise KeyFileError(f"{path}: other users can read this secret; chmod 600 '{path}'")
        check_not_exposed(path)
    return data.decode("latin-1") if len(data) <= _MAX_BYTES else ""


def _is_credential(path: Path) -> bool:
    """systemd put it there, and keeps other users from reading it."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and path.parent == Path(folder or "")


def _keys(path: Path, text: str, half: str) -> tuple[bytes, ...]:
    found = [match[2] for match in _KEY.finditer(text) if match[1] == half]
    if len(found) != 1:
        raise KeyFileError(f"{path}: holds no {half} key, or more than one")
    found += [match[2] for match in _KEY.finditer(text) if match[1] == f"next-{half}"]
    return tuple(_checked(path, key.encode("latin-1"), half) for key in found)


def _checked(path: Path, key: bytes, half: str) -> bytes:
    try:
        whole = len(z85.decode(key)) == 32
    except (KeyError, ValueError, struct.error):
        whole = False
    if len(key) != 40 or not whole:
        raise KeyFileError(f"{path}: its {half} key is not 40 characters of Z85")
    return key
