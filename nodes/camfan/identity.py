"""Which key a client authenticates with, and which key the broker must have.

Where the site file has `security.keys`, all connections use keys. A node of the site takes the file
that is given (`--key`), else $CREDENTIALS_DIRECTORY/NAME.secret, where systemd puts it, else
NAME.secret in the folder of keys. Any other client takes the file that is given, else the one that
$CAMFAN_KEY names, else owner.secret in the folder of keys.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from camfan.errors import KeyMissingError
from camfan_config import BROKER, OWNER, Site, nodes
from camfan_wire.keys import (
    PUBLIC,
    SECRET,
    ClientKeys,
    KeyFileError,
    check_not_exposed,
    from_hex,
    read_pair,
    read_publics,
)

KeyFile = str | os.PathLike[str]

VARIABLE = "CAMFAN_KEY"
_HEX = re.compile(r"[0-9a-f]{64}")


def client_keys(
    site: Site | str,
    name: str | None = None,
    key: KeyFile | None = None,
    server_key: str | None = None,
) -> ClientKeys | None:
    """The keys for sockets to the broker of a site; None if the site has no keys.

    `name` is that of a node; `server_key` is given (as 64 hexadecimal digits) where there is no
    site file to say it. Raises KeyMissingError and KeyFileError, and TypeError and ValueError for
    arguments that cannot be right.
    """
    if key is not None and not isinstance(key, str | os.PathLike):
        raise TypeError(f"key is the path of a key file, not {type(key).__name__}")
    if server_key is not None and not isinstance(server_key, str):
        raise TypeError(f"server_key is text, not {type(server_key).__name__}")
    if isinstance(site, Site) and server_key is not None:
        raise ValueError(
            "server_key is for a site that is named by an address; a site file has it in "
            "security.server_key"
        )
    if isinstance(site, Site) and site.security.keys is None:
        if key is not None:
            raise KeyMissingError(
                f"site '{site.site}' has no keys, so '{os.fspath(key)}' cannot be used"
            )
        return None
    if isinstance(site, str):
        if key is None and server_key is None:
            return None
        if key is None or server_key is None:
            raise KeyMissingError("without a site file, `key` and `server_key` are needed together")
        return ClientKeys(read_pair(Path(key)), _given(server_key), Path(key))
    file = _own(site, name, key)
    return ClientKeys(read_pair(file), server_key_of(site), file, site.site)


def server_key_of(site: Site) -> bytes:
    """The broker's public key, Z85: what the site file pins, or broker.pub in the folder of keys.

    Raises KeyFileError if the two differ, or if there is neither.
    """
    pinned, folder = site.security.server_key, Path(site.security.keys or "")
    beside = folder / (BROKER + PUBLIC)
    if not beside.exists():
        if pinned is None:
            raise KeyFileError(
                f"security.server_key is missing from the site file, and {beside} does not exist, "
                "so the broker cannot be verified"
            )
        return from_hex(pinned)
    found = read_publics(beside)
    if pinned is None:
        check_not_exposed(beside)
        return found[0]
    if from_hex(pinned) not in found:
        raise KeyFileError(f"{beside} is not the key that security.server_key pins")
    return from_hex(pinned)


def _own(site: Site, name: str | None, key: KeyFile | None) -> Path:
    if key is not None:
        return Path(key)
    places = list(_places(site, name))
    for place in places:
        if place.exists():
            return place
    shown = name if name is not None and _is_node(site, name) else "NAME"
    raise KeyMissingError(
        f"site '{site.site}' requires a key, and {places[-1]} does not exist. "
        f"If you have a key, name its file: --key FILE, or {VARIABLE}=FILE. "
        f"To make one: camfan keys new {shown}"
    )


def _places(site: Site, name: str | None) -> Iterator[Path]:
    folder = Path(site.security.keys or "")
    if name is not None and _is_node(site, name):
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        if credentials:
            yield Path(credentials) / (name + SECRET)
        yield folder / (name + SECRET)
        return
    given = os.environ.get(VARIABLE)
    yield Path(given) if given else folder / (OWNER + SECRET)


def _is_node(site: Site, name: str | None) -> bool:
    return any(node.name == name for node in nodes(site))


def _given(server_key: str) -> bytes:
    if not _HEX.fullmatch(server_key):
        raise KeyMissingError("`server_key` is 64 hexadecimal digits; see camfan keys show broker")
    return from_hex(server_key)
